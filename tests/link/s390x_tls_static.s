#  A distance from the thread pointer behind the block.
# tls 1 0xfffffffffffffff0
# expect data ff ff ff ff ff ff ff f8
# expect code 07 00
# oracle ld
.section .tbss,"awT",@nobits
 .p2align 3
 .zero 8
.globl v
v: .zero 8
.text
 nopr
.data
 .quad v@NTPOFF
