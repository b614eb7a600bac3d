#  S + A = 255: a field of 8 bits takes what fits it with or without sign.
# define target 0xfc
# expect code aa aa aa aa ff
.text
.skip 4, 0xaa
.reloc ., R_X86_64_8, target+3
.skip 1, 0x55
