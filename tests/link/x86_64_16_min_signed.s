#  S + A = -32768: a field of 16 bits takes what fits it with or without sign.
# define target 0x3
# expect code aa aa aa aa 00 80
.text
.skip 4, 0xaa
.reloc ., R_X86_64_16, target-32771
.skip 2, 0x55
