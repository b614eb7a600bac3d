#  S + A - P = 2147483648: does not fit 32 bits with sign.
# define target 0x10000040
# fails OJ_E_RANGE section=.text offset=4 relocation=R_X86_64_PC32 symbol=target
.text
.skip 4, 0xaa
.reloc ., R_X86_64_PC32, target+2147483588
.skip 4, 0x55
