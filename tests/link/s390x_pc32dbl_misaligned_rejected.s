#  Distances count in halfwords: no field holds one to an odd address.
# fails OJ_E_RANGE section=.text offset=4 relocation=R_390_PC32DBL symbol=odd
# says is not aligned as the field needs it
# oracle lld
.text
nopr
larl %r1, odd
.data
.byte 0
.global odd
odd:
.byte 0
