#  S + A = -128: a field of 8 bits takes what fits it with or without sign.
# define target 0x3
# expect code aa aa aa aa 80
.text
.skip 4, 0xaa
.reloc ., R_X86_64_8, target-131
.skip 1, 0x55
