#  Branch predictions of 24 bits reach 16 MiB.
# define value 0x11000000
# fails OJ_E_RANGE section=.text offset=3 relocation=R_390_PC24DBL symbol=value
# code 0x10000000
# oracle lld
.text
bprp 5, 0, value
