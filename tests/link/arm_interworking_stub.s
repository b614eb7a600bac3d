#  A branch that cannot change the instruction set goes through a stub, whose entry is of its own set.
# code 0x10000
# rodata 0x60000
# counts 2 0 2
# expect code 03 00 00 ea 1e ff 2f e1 00 f0 0a b8 70 47 00 bf 78 47 c0 46 00 c0 9f e5 00 f0 9c e5 00 00 06 00 78 47 c0 46 00 c0 9f e5 00 f0 9c e5 04 00 06 00
# expect rodata 0d 00 01 00 04 00 01 00
# oracle none: static linkers' stubs have another form
.syntax unified
.text
.arm
 b thumb_function
.global a32_function
.type a32_function, %function
a32_function:
 bx lr
.section .text.second,"ax"
.thumb
 b.w a32_function
.global thumb_function
.type thumb_function, %function
thumb_function:
 bx lr
 nop
