#  Branches by the numbers that assemblers wrote before EABI version 5, and markers that write nothing.
# code 0x10000
# rodata 0x60000
# define t1 0x12345678
# relaxes
# expect code @0 01 00 00 ea 00 00 00 eb
# relaxes
.syntax unified
.text
.arm
start:
 .reloc ., R_ARM_PC24, local
 .word 0xeafffffe
 .reloc ., R_ARM_PLT32, local
 .word 0xebfffffe
 .reloc ., R_ARM_V4BX, 0
 bx lr
.globl local
.type local, %function
local:
 bx lr
 .word t1(target1)
