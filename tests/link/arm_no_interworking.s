#  Addresses of functions without the bit that tells their instruction set.
# code 0x10000
# data 0x70000
# oracle ld
# expect data 00 00 01 00 fc ff f9 ff 04 00 01 00 03 00 01 00 f4 ff f9 ff
.syntax unified
.text
.thumb
.globl function
.type function, %function
function:
 bx lr
 nop
.globl other
.type other, %function
.arm
other:
 bx lr
.data
 .reloc ., R_ARM_ABS32_NOI, function
 .word 0
 .reloc ., R_ARM_REL32_NOI, function
 .word 0
 .reloc ., R_ARM_ABS32_NOI, other
 .word 0
 .reloc ., R_ARM_ABS32_NOI, function
 .word 3
 .reloc ., R_ARM_REL32_NOI, other
 .word 0
