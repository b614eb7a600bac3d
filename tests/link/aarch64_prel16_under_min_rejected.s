#  One less than a field of 16 bits takes, from the field on.
# define s 0xfff8001
# fails OJ_E_RANGE section=.text offset=2 relocation=R_AARCH64_PREL16 symbol=s
.text
 .hword 0, s - .
