#  G + A - P in 64 bits.
# define far 0x7f0012345678
# expect code 90 90 fe ff 1f 00 00 00 00 00
# expect rodata 78 56 34 12 00 7f 00 00
# oracle ld
.text
nop
nop
.reloc ., R_X86_64_GOTPCREL64, far
.skip 8
