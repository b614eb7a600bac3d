#  Bytes hold what fits with or without a sign.
# define value 0x100
# fails OJ_E_RANGE section=.text offset=0 relocation=R_390_8 symbol=value
# oracle lld
.text
.byte value
