#  Relocations of A32 and of Thumb-2 that two linkers agree on; addends lie in the fields.
# code 0x10000
# rodata 0x60000
# data 0x70000
# define far 0xfffff000
# expect data @0 01 00 00 00
.syntax unified
.text
.arm
start:
 bl a32_function
 bl thumb_function
 blx thumb_function
 b a32_function
 bleq a32_function
 beq a32_function
 movw r0, #:lower16:datum
 movt r0, #:upper16:datum
 movw r0, #:lower16:thumb_function
 movt r0, #:upper16:far
 movw r1, #:lower16:(datum - . - 8)
 movt r1, #:upper16:(datum - . - 4)
 ldr r2, 1f
 bx lr
1: .word datum - .
 .word thumb_function
 .word a32_function
 .word far
 .word thumb_function - .
 .word datum + 4
 .word start + 8
.section .text.second,"ax"
.arm
.global a32_function
.type a32_function, %function
a32_function:
 bx lr
.section .text.third,"ax"
.thumb
.global thumb_function
.type thumb_function, %function
thumb_function:
 bl thumb_function
 bl a32_function
 blx a32_function
 nop
 bl a32_function
 b.w thumb_other
 beq.w thumb_other
 movw r0, #:lower16:datum
 movt r0, #:upper16:datum
 movw r9, #:lower16:(datum - . - 4)
 movt r9, #:upper16:(datum - .)
 ldr.w r3, constant
 bx lr
 .p2align 2
constant:
 .word thumb_other
.section .text.fourth,"ax"
.thumb
.global thumb_other
.type thumb_other, %function
thumb_other:
 bx lr
 nop
.data
 .word 1
 .global datum
datum:
 .word datum, start, thumb_function + 2, a32_function
