#  The instruction that a descriptor's distance counts from lies behind the section's end.
# code 0x8048000
# tls
# fails OJ_E_RANGE section=.text offset=4 relocation=R_ARM_TLS_GOTDESC symbol=v
# says lacks the relocation
# oracle none: a static link has no descriptors
.section .tbss,"awT",%nobits
.globl v
v: .zero 4
.text
.arm
 bl v(tlscall)
 .word v(tlsdesc) - 4
