#  S + A - P = -32769: does not fit 16 bits with sign.
# define target 0x10000040
# fails OJ_E_RANGE section=.text offset=4 relocation=R_X86_64_PC16 symbol=target
# oracle lld
.text
.skip 4, 0xaa
.reloc ., R_X86_64_PC16, target-32829
.skip 2, 0x55
