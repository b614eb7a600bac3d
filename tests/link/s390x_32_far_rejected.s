#  An address that no field of 32 bits holds is found before there are places for segments, and still has a place.
# define value 0x123456789abc
# fails OJ_E_RANGE section=.data offset=4 relocation=R_390_32 symbol=value
# oracle lld
.data
.long 0, value
