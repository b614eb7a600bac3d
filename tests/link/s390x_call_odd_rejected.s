#  A call leads to an even address, through a stub too.
# fails OJ_E_RANGE section=.text offset=2 relocation=R_390_PLT32DBL symbol=odd
# says is not aligned as the field needs it
# define odd 0x7f0012345677
# oracle none: static linkers drop the lowest bit
.text
brasl %r14, odd@PLT
