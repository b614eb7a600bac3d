#  Fields of 16 bits hold what fits with or without a sign.
# define value 0x10000
# fails OJ_E_RANGE section=.text offset=2 relocation=R_390_16 symbol=value
# oracle lld
.text
lghi %r1, value
