#  Functions without calls: their entries, and one of the linker's behind each stretch of code that has any.
# code 0x10000
# rodata 0x60000
# oracle none: their index ends elsewhere, see arm_exidx_order
# expect code @0 1e ff 2f e1 1e ff 2f e1 1e ff 2f e1
.syntax unified
.arm
.section .text.none,"ax"
 bx lr
.section .text.f0,"ax"
 .fnstart
 bx lr
 .cantunwind
 .fnend
.section .text.f1,"ax"
 .fnstart
 bx lr
 .cantunwind
 .fnend
.section .text.f2,"ax"
 .fnstart
 bx lr
 .cantunwind
 .fnend
.section .text.f3,"ax"
 .fnstart
 bx lr
 .cantunwind
 .fnend
.section .text.f4,"ax"
 .fnstart
 bx lr
 .cantunwind
 .fnend
.section .text.f5,"ax"
 .fnstart
 bx lr
 .cantunwind
 .fnend
.section .text.f6,"ax"
 .fnstart
 bx lr
 .cantunwind
 .fnend
.section .text.f7,"ax"
 .fnstart
 bx lr
 .cantunwind
 .fnend
