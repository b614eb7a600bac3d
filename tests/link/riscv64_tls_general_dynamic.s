#  The argument of __tls_get_addr(), an oj_tls_index, and offsets from 0x800 into the block, as debug information has
#  them.
# tls 1 0
# oracle-flags --no-relax
# oracle ld
# oracle-got 8
# oracle-compares code
# expect rodata 01 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00
# expect data 08 f8 ff ff 00 00 00 00 08 f8 ff ff ff ff ff ff
# expect code 17 05 20 00 13 05 05 00
.option norelax
.section .tbss,"awT",@nobits
 .p2align 3
 .zero 8
.globl v
v: .zero 8
.text
 la.tls.gd a0, v
.data
 .dtprelword v
 .4byte 0
 .dtpreldword v
