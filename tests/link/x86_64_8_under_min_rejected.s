#  S + A = -129: a field of 8 bits takes what fits it with or without sign.
# define target 0x3
# fails OJ_E_RANGE section=.text offset=4 relocation=R_X86_64_8 symbol=target
# oracle lld
.text
.skip 4, 0xaa
.reloc ., R_X86_64_8, target-132
.skip 1, 0x55
