#  A place in Thumb code at an odd address is no instruction's.
# fails OJ_E_RANGE section=.text offset=0 relocation=R_ARM_THM_JUMP24 symbol=odd
# says is not aligned as the field needs it
# oracle none: other linkers drop the lowest bit
.syntax unified
.text
.thumb
 b.w odd
.section .text.other,"ax"
 .byte 0
.global odd
odd:
 .byte 0
