#  An addend counts into the GOT: the upper half of an entry.
# define far 0x7f0012345678
# expect code 8b 05 fe ff 1f 00
# expect rodata 78 56 34 12 00 7f 00 00
.text
.byte 0x8b, 0x05
.reloc ., R_X86_64_GOTPCREL, far+0
.skip 4
