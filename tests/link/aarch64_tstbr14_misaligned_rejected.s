#  Between two instructions.
# define odd 0x10000102
# fails OJ_E_RANGE section=.text offset=0 relocation=R_AARCH64_TSTBR14 symbol=odd
# says is not aligned
# oracle none: the others drop the bits
.text
 tbz x0, #1, odd
