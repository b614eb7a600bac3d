#  S + A - P = 128: does not fit 8 bits with sign.
# define target 0x10000040
# fails OJ_E_RANGE section=.text offset=4 relocation=R_X86_64_PC8 symbol=target
.text
.skip 4, 0xaa
.reloc ., R_X86_64_PC8, target+68
.skip 1, 0x55
