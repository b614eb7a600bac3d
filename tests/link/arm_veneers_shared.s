#  Code that spans more than branches reach, 32 MiB in A32 and 16 MiB in Thumb: calls from one stretch of code to one callee
#  share a veneer behind the stretch, whose entry is of the caller's own set; what reaches goes directly.
# code 0x10000000
# rodata 0x20000000
# relaxes
# counts 5 5 5
# expect code @0 00 f0 0e f8 00 f0 0c f8 00 f0 12 f8 00 f0 00 e8 03 00 00 eb 06 00 00 eb 05 00 00 eb 07 00 28 ea
# expect code @0x20 78 47 c0 46 00 c0 9f e5 00 f0 9c e5 00 00 00 20 78 47 c0 46 00 c0 9f e5 00 f0 9c e5 04 00 00 20
# expect code @0xa00040 08 00 60 eb 1e ff 2f e1 de de de de de de de de 78 47 c0 46 00 c0 9f e5 00 f0 9c e5 08 00 00 20
# expect code @0x2200060 00 f0 06 f8 00 f0 04 b8 f4 ff 9f eb 1e ff 2f e1
# expect rodata 61 00 20 12 68 00 20 12 68 00 20 12 01 00 00 10 40 00 a0 10
# oracle none: static linkers' veneers have another form and stand elsewhere
.syntax unified
.section .text.first,"ax"
.thumb
.global thumb_near
.type thumb_near, %function
thumb_near:
 bl thumb_far
 bl thumb_far
 bl a32_far
 bl a32_near
.arm
.global a32_near
.type a32_near, %function
a32_near:
 bl thumb_far
 bl a32_far
 bl a32_far
 b a32_middle
.section .text.gap1,"ax"
.space 0xa00000
.section .text.middle,"ax"
.global a32_middle
.type a32_middle, %function
a32_middle:
 bl a32_far
 bx lr
.section .text.gap2,"ax"
.space 0xc00000
.section .text.gap3,"ax"
.space 0xc00000
.section .text.last,"ax"
.thumb
.global thumb_far
.type thumb_far, %function
thumb_far:
 bl thumb_near
 b.w thumb_near
.arm
.global a32_far
.type a32_far, %function
a32_far:
 bl a32_middle
 bx lr
