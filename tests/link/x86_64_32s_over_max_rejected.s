#  S + A = 0x80000000: one more than fits.
# define target 0x7ffffffd
# fails OJ_E_RANGE section=.text offset=4 relocation=R_X86_64_32S symbol=target
.text
.skip 4, 0xaa
.reloc ., R_X86_64_32S, target+3
.skip 4, 0x55
