#  G - GOT + A in 64 bits.
# define one 0x7f0000000001
# define two 0x7f0000000002
# expect code 00 00 00 00 00 00 00 00 06 00 00 00 00 00 00 00
# expect rodata 01 00 00 00 00 7f 00 00 02 00 00 00 00 7f 00 00
# oracle lld
.text
.reloc ., R_X86_64_GOT64, one
.skip 8
.reloc ., R_X86_64_GOT64, two-2
.skip 8
