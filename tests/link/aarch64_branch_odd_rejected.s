#  A branch leads to a whole word, directly or through a stub.
# fails OJ_E_RANGE section=.text offset=4 relocation=R_AARCH64_CALL26 symbol=odd
# says is not aligned as the field needs it
# define odd 0x7f0012345672
# oracle none: static linkers drop the lowest bits
.text
nop
bl odd
