#  Functions without calls: their entries, and one of the linker's behind each stretch of code that has any.
# code 0x10000
# rodata 0x60000
# oracle none: their index ends elsewhere, see arm_exidx_order
# oracle none: their index ends elsewhere, see arm_exidx_order
# expect code @0 1e ff 2f e1 1e ff 2f e1 1e ff 2f e1
.syntax unified
.arm
.section .text.first,"ax"
 .fnstart
 bx lr
 .cantunwind
 .fnend
.section .text.second,"ax"
 bx lr
.section .text.third,"ax"
 .fnstart
 bx lr
 .cantunwind
 .fnend
.section .rodata
 .word 1
