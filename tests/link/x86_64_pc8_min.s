#  S + A - P = -128: just fits 8 bits with sign.
# define target 0x10000040
# expect code aa aa aa aa 80
.text
.skip 4, 0xaa
.reloc ., R_X86_64_PC8, target-188
.skip 1, 0x55
