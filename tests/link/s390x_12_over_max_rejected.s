#  Displacements of 12 bits have no sign.
# define value 0x1000
# fails OJ_E_RANGE section=.text offset=2 relocation=R_390_12 symbol=value
# oracle lld
.text
l %r1, value(%r2)
