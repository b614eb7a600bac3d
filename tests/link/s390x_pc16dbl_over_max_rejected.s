#  Branches of 16 bits reach 64 KiB.
# define value 0x10010000
# fails OJ_E_RANGE section=.text offset=2 relocation=R_390_PC16DBL symbol=value
# code 0x10000000
# oracle lld
.text
brc 15, value
