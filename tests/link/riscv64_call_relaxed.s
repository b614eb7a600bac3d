#  Calls become jal, and jumps of little distance c.j.
# relaxes
# counts 0 0 0
# expect code @0 01 a8
# oracle ld
.text
 .globl start, middle, second
start:
 tail middle
 call middle
 call start
 call second
 nop
middle:
 tail start
 jalr x0, 0(t1)
 .p2align 2
.section .text.second,"ax"
second:
 call start
 tail start
 .p2align 2
