#  Every use of a thread-local variable, and the entries behind it: two words and one.
# tls
# oracle none: a static link has no dynamic variables
# expect code 17 05 20 00 13 05 05 00 17 05 20 00 03 25 05 00 37 f5 ff ff 33 05 45 00 83 25 85 00 23 24 b5 00
# expect rodata 44 33 22 11 08 00 00 00 08 f0 ff ff
# expect data 08 f8 ff ff
.option norelax
.section .tbss,"awT",@nobits
 .zero 8
.globl v
v: .zero 4
.text
 la.tls.gd a0, v
 la.tls.ie a0, v
 lui a0, %tprel_hi(v)
 add a0, a0, tp, %tprel_add(v)
 lw a1, %tprel_lo(v)(a0)
 sw a1, %tprel_lo(v)(a0)
.data
 .dtprelword v
