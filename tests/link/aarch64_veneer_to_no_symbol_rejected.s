#  A veneer leads to a symbol: a branch that does not reach a place without one is told.
# code 0x10000000
# rodata 0x20000000
# fails OJ_E_RANGE section=.text.first offset=0 relocation=R_AARCH64_CALL26
# oracle none: GNU ld makes veneers to any address
.section .text.first,"ax"
 bl .Lplace
 ret
.section .text.gap,"ax"
.space 0x8000000
.section .text.far,"ax"
 nop
.Lplace:
 ret
