#  A descriptor's address and its function, by page, and near; then the marked call.
# code 0x10000000
# rodata 0x10080000
# data 0x10400000
# tls
# oracle ld
# oracle-got 24
# oracle-flags -shared
# oracle-compares code
# expect rodata @0 00 20 00 70 00 00 00 00
.section .tbss,"awT",@nobits
 .zero 8
.globl v
v: .zero 8
.text
 adrp x0, :tlsdesc:v
 ldr x1, [x0, #:tlsdesc_lo12:v]
 add x0, x0, #:tlsdesc_lo12:v
 .tlsdesccall v
 blr x1
 ldr x1, :tlsdesc:v
 adr x0, :tlsdesc:v
 .tlsdesccall v
 blr x1
