#  Every use of a thread-local variable, and the GOT entries behind it.
# code 0x8048000
# rodata 0x8100000
# data 0x8200000
# tls
# expect rodata 44 33 22 11 04 00 00 00 04 f0 ff ff 44 33 22 11 00 00 00 00
# expect code 00 80 0b 00 08 80 0b 00 04 00 00 00 fc 7f 0b 00 04 f0 ff ff
# oracle none: a static link has no dynamic variables
.section .tbss,"awT",%nobits
 .zero 4
.globl v
v: .zero 4
.text
 .word v(tlsgd)
 .word v(tlsldm)
 .word v(tlsldo)
 .word v(gottpoff)
 .word v(tpoff)
