#  A branch leads to a whole word, within reach too.
# fails OJ_E_RANGE section=.text offset=0 relocation=R_AARCH64_JUMP26 symbol=odd
# says is not aligned as the field needs it
# define odd 0x10000101
# oracle none: static linkers drop the lowest bits
.text
b odd
