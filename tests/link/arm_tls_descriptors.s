#  Descriptors: their distance from what BL leaves in lr, or from pc, in both sets, and the stub that calls go to.
# code 0x8048000
# rodata 0x8100000
# data 0x8200000
# tls
# oracle none: a static link has no descriptors
# expect rodata 00 00 00 00 00 10 00 70 00 20 00 70 44 33 22 11 04 00 00 00
# expect code 0b 00 00 eb 00 f0 14 f8 00 bf 00 f0 11 f8 78 44 00 00 8f e0 04 10 90 e5 31 ff 2f e1 00 80 0b 00 fb 7f 0b 00 f5 7f 0b 00 f2 7f 0b 00 ec 7f 0b 00 78 47 c0 46 00 00 8e e0 04 10 90 e5 11 ff 2f e1
.syntax unified
.section .tbss,"awT",%nobits
 .zero 4
.globl v
v: .zero 4
.text
.arm
a: bl v(tlscall)
.thumb
b: bl v(tlscall)
 nop
c: bl v(tlscall)
d: .reloc ., R_ARM_THM_TLS_DESCSEQ, v
 add r0, pc
 .arm
 .p2align 2
e: add r0, pc, r0
 .tlsdescseq v
 ldr r1, [r0, #4]
 .tlsdescseq v
 blx r1
 .word v(tlsdesc) + (. - a)
 .word v(tlsdesc) + (. - b + 1)
 .word v(tlsdesc) + (. - c + 1)
 .word v(tlsdesc) + (. - d + 1)
 .word v(tlsdesc) + (. - e)
