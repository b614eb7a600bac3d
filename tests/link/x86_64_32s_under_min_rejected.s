#  S + A = 0xffffffff7fffffff: one less than fits.
# define target 0xffffffff7fffffff
# fails OJ_E_RANGE section=.text offset=4 relocation=R_X86_64_32S symbol=target
.text
.skip 4, 0xaa
.reloc ., R_X86_64_32S, target
.skip 4, 0x55
