#  Distances from the thread pointer, constants of the link, in every form.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# oracle ld
# tls 1 0x10
# expect code @0 00 00 c0 d2
.section .tbss,"awT",@nobits
 .p2align 4
 .zero 0x240
v: .zero 16
 .zero 0x12340
far: .zero 4
.text
 movz x0, #:tprel_g2:far
 movz x0, #:tprel_g1:far
 movk x0, #:tprel_g1_nc:far
 movz x0, #:tprel_g0:v
 movk x0, #:tprel_g0_nc:far
 add x0, x0, #:tprel_hi12:far
 add x0, x0, #:tprel_lo12:v
 add x0, x0, #:tprel_lo12_nc:far
 ldrb w1, [x0, #:tprel_lo12:v + 3]
 ldrb w1, [x0, #:tprel_lo12_nc:far + 1]
 strh w1, [x0, #:tprel_lo12:v + 2]
 ldrh w1, [x0, #:tprel_lo12_nc:far + 2]
 ldr w1, [x0, #:tprel_lo12:v]
 ldr w1, [x0, #:tprel_lo12_nc:far]
 str x1, [x0, #:tprel_lo12:v]
 ldr x1, [x0, #:tprel_lo12_nc:far]
