#  An entry for code that its section is not linked to would be searched for in vain.
# fails OJ_E_MALFORMED section=.ARM.exidx.text.a offset=0
# says it is not for the code that the section is linked to
.syntax unified
.arm
.section .text.a,"ax"
a: bx lr
 .inst 0xe12fff1e
.section .text.b,"ax"
b: bx lr
.section .ARM.exidx.text.a,"ao",%0x70000001,a
 .word 0, 1
 .reloc 0, R_ARM_PREL31, b
