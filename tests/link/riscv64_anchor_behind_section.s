#  GCC's anchors: local labels at even distances from which data is addressed, the last of them behind the section.
# code 0x10000000
# rodata 0x10080000
# data 0x10090000
# oracle ld
# oracle lld
# expect code 97 1a 09 00 93 8a 0a ff 17 15 09 00 13 05 45 ff
# expect rodata 00 10 09 10 00 00 00 00
.text
1: auipc s5, %pcrel_hi(anchor - 16)
 addi s5, s5, %pcrel_lo(1b)
2: auipc a0, %pcrel_hi(anchor - 4)
 addi a0, a0, %pcrel_lo(2b)
.section .rodata,"a"
 .quad anchor
.bss
v: .zero 0xed0
 .set anchor, v + 0x1000
