#  S + A = 65536: a field of 16 bits takes what fits it with or without sign.
# define target 0xfffd
# fails OJ_E_RANGE section=.text offset=4 relocation=R_X86_64_16 symbol=target
# oracle lld
.text
.skip 4, 0xaa
.reloc ., R_X86_64_16, target+3
.skip 2, 0x55
