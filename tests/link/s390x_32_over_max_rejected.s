#  Fields of 32 bits hold what fits with or without a sign.
# define value 0x100000000
# fails OJ_E_RANGE section=.text offset=0 relocation=R_390_32 symbol=value
# oracle lld
.text
.long value
