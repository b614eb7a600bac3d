#  S + A = 0xffffffffffffffff in a field of 32 bits without sign.
# define target 0x2
# fails OJ_E_RANGE section=.text offset=4 relocation=R_X86_64_32 symbol=target
.text
.skip 4, 0xaa
.reloc ., R_X86_64_32, target-3
.skip 4, 0x55
