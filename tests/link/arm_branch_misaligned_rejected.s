#  An A32 function at an address that is no multiple of 4.
# fails OJ_E_RANGE section=.text offset=4 relocation=R_ARM_CALL symbol=odd
# says is not aligned as the field needs it
# oracle none: other linkers drop the lowest bits
.syntax unified
.text
.arm
 nop
 bl odd
.section .text.other,"ax"
 .2byte 0
.global odd
.type odd, %function
odd:
 .word 0xe12fff1e
