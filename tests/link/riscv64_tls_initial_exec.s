#  The load of a distance from the thread pointer.
# tls 1 0
# oracle-flags --no-relax
# oracle-got 8
# oracle-compares code
# expect rodata 08 00 00 00 00 00 00 00
# expect code 17 05 20 00 03 35 05 00 12 95
.option norelax
.section .tbss,"awT",@nobits
 .p2align 3
 .zero 8
.globl v
v: .zero 8
.text
 la.tls.ie a0, v
 add a0, a0, tp
