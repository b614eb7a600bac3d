#  Branch predictions of 12 bits reach 4 KiB.
# define value 0x10001000
# fails OJ_E_RANGE section=.text offset=1 relocation=R_390_PC12DBL symbol=value
# code 0x10000000
# oracle lld
.text
bprp 5, value, 0
