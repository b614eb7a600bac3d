#  A displacement of 12 bits reaches the first 512 entries of the GOT.
# fails OJ_E_RANGE section=.text offset=3074 relocation=R_390_GOT12 symbol=last
# oracle none: static linkers have entries of their own before these
.text
.irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
.irp j,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
larl %r1, datum\i\()_\j\()@GOTENT
.endr
.endr
.text
la %r1, last@GOT(%r12)
.data
.irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
.irp j,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
.globl datum\i\()_\j
datum\i\()_\j: .quad 0
.endr
.endr
.globl last
last: .quad 0
