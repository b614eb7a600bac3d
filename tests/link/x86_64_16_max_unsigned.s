#  S + A = 65535: a field of 16 bits takes what fits it with or without sign.
# define target 0xfffc
# expect code aa aa aa aa ff ff
.text
.skip 4, 0xaa
.reloc ., R_X86_64_16, target+3
.skip 2, 0x55
