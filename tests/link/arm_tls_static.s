#  Entries and distances of a program's own block, which begins 8 bytes behind the thread pointer.
# code 0x10000
# rodata 0x60000
# data 0x70000
# tls 1 8
# oracle lld
# expect rodata 01 00 00 00 14 00 00 00 1c 00 00 00
# expect code 00 00 05 00 04 00 05 00 14 00 00 00 1c 00 00 00
.section .tbss,"awT",%nobits
 .zero 0x14
.globl v
v: .zero 4
.text
 .word v(tlsgd)
 .word v(gottpoff)
 .word v(tlsldo)
 .word v(tpoff)
