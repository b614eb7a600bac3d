#  G - GOT + A: the second entry is 8 bytes into the GOT.
# define one 0x7f0000000001
# define two 0x7f0000000002
# expect code 00 00 00 00 09 00 00 00
# expect rodata 01 00 00 00 00 7f 00 00 02 00 00 00 00 7f 00 00
# oracle lld
.text
.reloc ., R_X86_64_GOT32, one
.skip 4
.reloc ., R_X86_64_GOT32, two+1
.skip 4
