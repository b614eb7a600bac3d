#  GCC's anchors among thread-local variables: the last may lie behind the block.
# code 0x10000000
# rodata 0x10080000
# data 0x10090000
# tls 1 0x10
# oracle ld
# expect code 00 08 40 91 00 40 00 91 00 08 40 91 00 40 08 91
.section .tbss,"awT",@nobits
 .p2align 3
v: .zero 0x20f8
 .set anchor, v + 0x2200
.text
 add x0, x0, :tprel_hi12:anchor - 0x200
 add x0, x0, :tprel_lo12_nc:anchor - 0x200
 add x0, x0, :tprel_hi12:anchor
 add x0, x0, :tprel_lo12_nc:anchor
