#  One more than a field of 16 bits takes.
# define s 0x10000
# fails OJ_E_RANGE section=.text offset=0 relocation=R_AARCH64_ABS16 symbol=s
.text
 .hword s
