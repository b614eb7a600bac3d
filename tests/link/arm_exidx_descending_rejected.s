#  Unwinders bisect: an entry that is not in its order hides others.
# fails OJ_E_MALFORMED section=.ARM.exidx.text.a offset=8
# says or not in its order
.syntax unified
.arm
.section .text.a,"ax"
a: bx lr
b: bx lr
.section .ARM.exidx.text.a,"ao",%0x70000001,a
 .word 0, 1, 0, 1
 .reloc 0, R_ARM_PREL31, b
 .reloc 8, R_ARM_PREL31, a
