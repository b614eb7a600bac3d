#  Displacements of 20 bits have a sign.
# define value 0x80000
# fails OJ_E_RANGE section=.text offset=2 relocation=R_390_20 symbol=value
# oracle lld
.text
lay %r1, value(%r2)
