#  A branch of 16 bits cannot change the instruction set, and is too short for a stub that does.
# code 0x10000
# oracle none: GNU ld links what goes on in the wrong set
# fails OJ_E_RANGE section=.text offset=0 relocation=R_ARM_THM_JUMP11
.syntax unified
.text
.thumb
 .reloc ., R_ARM_THM_JUMP11, f
 .2byte 0xe7fe
 nop
.arm
.globl f
.type f, %function
f:
 bx lr
