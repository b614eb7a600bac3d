#  The entry of a whole block, and distances in the block, in every form.
# code 0x10000000
# rodata 0x10080000
# data 0x10400000
# tls
# oracle ld
# oracle-got 8
# oracle-flags -shared
# oracle-compares code
# expect rodata 44 33 22 11 00 00 00 00 00 00 00 00 00 00 00 00
.section .tbss,"awT",@nobits
 .p2align 4
 .zero 0x240
v: .zero 16
 .zero 0x12340
far: .zero 4
.text
 adrp x0, :tlsldm:v
 add x0, x0, #:tlsldm_lo12_nc:v
 adr x0, :tlsldm:v
 movz x1, #:dtprel_g2:far
 movz x1, #:dtprel_g1:far
 movk x1, #:dtprel_g1_nc:far
 movz x1, #:dtprel_g0:v
 movk x1, #:dtprel_g0_nc:far
 add x1, x0, #:dtprel_hi12:far
 add x1, x0, #:dtprel_lo12:v
 add x1, x0, #:dtprel_lo12_nc:far
 ldrb w1, [x0, #:dtprel_lo12:v + 3]
 ldrb w1, [x0, #:dtprel_lo12_nc:far + 1]
 strh w1, [x0, #:dtprel_lo12:v + 2]
 ldrh w1, [x0, #:dtprel_lo12_nc:far + 2]
 ldr w1, [x0, #:dtprel_lo12:v]
 ldr w1, [x0, #:dtprel_lo12_nc:far]
 str x1, [x0, #:dtprel_lo12:v]
 ldr x1, [x0, #:dtprel_lo12_nc:far]
