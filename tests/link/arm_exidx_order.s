#  Index entries stand in the order of the code they are linked to; where code has none, and at the end, the linker says
#  that nothing is known.
# relaxes
# code 0x10000
# rodata 0x60000
# define __aeabi_unwind_cpp_pr0 0x20000
# expect rodata @0 1c 00 fb 7f b0 b0 a8 00 78 56 34 12
# oracle-flags --no-merge-exidx-entries
.syntax unified
.arm
.section .text.first,"ax"
.section .text.second,"ax"
.global none
.type none, %function
none:
 bx lr
.section .text.third,"ax"
third:
 .fnstart
 .save {r4, lr}
 push {r4, lr}
 bl none
 pop {r4, pc}
 .personality routine
 .handlerdata
 .word 0x12345678
 .fnend
.global routine
.type routine, %function
routine:
 .fnstart
 .cantunwind
 bx lr
 .fnend
.section .text.first,"ax"
first:
 .fnstart
 .save {r4, lr}
 push {r4, lr}
 bl none
 pop {r4, pc}
 .fnend
.section .text.fourth,"ax"
fourth:
 .fnstart
 .save {r4, r5, r6, lr}
 push {r4, r5, r6, lr}
 bl none
 pop {r4, r5, r6, pc}
 .fnend
