#  One less than a field of 16 bits takes.
# define s 0xffffffffffff7fff
# fails OJ_E_RANGE section=.text offset=2 relocation=R_AARCH64_ABS16 symbol=s
.text
 .hword 0, s
