#  A descriptor's distance counts from the instruction that it names, which must be one of Thumb's that adds it.
# code 0x8048000
# tls
# fails OJ_E_RANGE section=.text offset=4 relocation=R_ARM_TLS_GOTDESC symbol=v
# says lacks the relocation
# oracle none: a static link has no descriptors
.syntax unified
.section .tbss,"awT",%nobits
.globl v
v: .zero 4
.text
.thumb
a: nop
 nop
 .word v(tlsdesc) + (. - a + 1)
