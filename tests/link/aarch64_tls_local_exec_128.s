#  Distances from the thread pointer in loads of 16 bytes: bits 4 to 11 of 0x250 and of 0x12260.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# tls 1 0x10
# assembler llvm-mc-19 -triple=aarch64-linux-gnu -filetype=obj
# oracle none: neither linker knows the checked form
# expect code 01 94 c0 3d 01 98 80 3d
.section .tbss,"awT",@nobits
 .p2align 4
 .zero 0x240
v: .zero 16
 .zero 0x12000
far: .zero 16
.text
 ldr q1, [x0, #:tprel_lo12:v]
 str q1, [x0, #:tprel_lo12_nc:far]
