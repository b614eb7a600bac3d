#  Distances from the thread pointer, constants of the link. A block begins where the thread pointer points.
# tls 1 0
# oracle-flags --no-relax
# expect code 37 35 01 00 33 05 45 00 13 05 45 95 03 25 45 95 23 2a a5 94
# expect code 37 05 00 00 33 05 45 00 83 35 85 00 23 34 b5 00
.option norelax
.section .tbss,"awT",@nobits
 .p2align 3
 .zero 8
v: .zero 8
 .zero 0x12944
far: .zero 8
.text
 lui a0, %tprel_hi(far)
 add a0, a0, tp, %tprel_add(far)
 addi a0, a0, %tprel_lo(far)
 lw a0, %tprel_lo(far)(a0)
 sw a0, %tprel_lo(far)(a0)
 lui a0, %tprel_hi(v)
 add a0, a0, tp, %tprel_add(v)
 ld a1, %tprel_lo(v)(a0)
 sd a1, %tprel_lo(v)(a0)
