#  Distances from the thread pointer, constants of the link.
# tls 1 0
# oracle-flags --no-relax
# expect code 37 35 01 00 33 05 45 00 13 05 45 95 83 25 45 95 23 2a b5 94
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
 lw a1, %tprel_lo(far)(a0)
 sw a1, %tprel_lo(far)(a0)
