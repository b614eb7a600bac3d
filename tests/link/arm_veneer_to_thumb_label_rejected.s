#  A place in Thumb code that is no function has an even address: a veneer that jumped there would go on in A32. So a
#  function's cold part is not reached from too far away.
# code 0x10000000
# rodata 0x20000000
# fails OJ_E_RANGE section=.text.hot offset=0 relocation=R_ARM_THM_JUMP24
# oracle ld
.syntax unified
.thumb
.section .text.hot,"ax"
 b.w cold
.section .text.gap,"ax"
.space 0x1000000
.section .text.cold,"ax"
cold:
 bx lr
