#  Distances in the block in loads of 16 bytes: bits 4 to 11 of 0x240 and of 0x12250.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# tls
# assembler llvm-mc-19 -triple=aarch64-linux-gnu -filetype=obj
# oracle none: no linker links both these and their block
# expect code 01 90 c0 3d 01 94 80 3d
.section .tbss,"awT",@nobits
 .p2align 4
 .zero 0x240
v: .zero 16
 .zero 0x12000
far: .zero 16
.text
 ldr q1, [x0, #:dtprel_lo12:v]
 str q1, [x0, #:dtprel_lo12_nc:far]
