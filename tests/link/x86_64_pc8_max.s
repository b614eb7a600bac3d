#  S + A - P = 127: just fits 8 bits with sign.
# define target 0x10000040
# expect code aa aa aa aa 7f
.text
.skip 4, 0xaa
.reloc ., R_X86_64_PC8, target+67
.skip 1, 0x55
