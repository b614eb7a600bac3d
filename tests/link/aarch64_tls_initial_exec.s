#  Loads of a distance from the thread pointer.
# code 0x10000000
# rodata 0x10080000
# data 0x10400000
# tls
# oracle ld
# oracle-got 8
# oracle-flags -shared
# oracle-compares code
# expect rodata 08 f0 ff ff ff ff ff ff
.section .tbss,"awT",@nobits
 .zero 8
.globl v
v: .zero 8
.text
 adrp x0, :gottprel:v
 ldr x0, [x0, #:gottprel_lo12:v]
 ldr x0, :gottprel:v
