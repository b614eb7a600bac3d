#  The argument of __tls_get_addr(): an entry's address, by page, and near.
# code 0x10000000
# rodata 0x10080000
# data 0x10400000
# tls
# oracle ld
# oracle-got 8
# oracle-flags -shared
# oracle-compares code
# expect rodata 44 33 22 11 00 00 00 00 08 00 00 00 00 00 00 00
.section .tbss,"awT",@nobits
 .zero 8
.globl v
v: .zero 8
.text
 adrp x0, :tlsgd:v
 add x0, x0, #:tlsgd_lo12:v
 adr x0, :tlsgd:v
