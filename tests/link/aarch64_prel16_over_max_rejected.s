#  One more than a field of 16 bits takes, from the field on.
# define s 0x10010000
# fails OJ_E_RANGE section=.text offset=0 relocation=R_AARCH64_PREL16 symbol=s
.text
 .hword s - .
