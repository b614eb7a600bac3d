#  A call of a descriptor's resolver at an address that is no multiple of 4 is no instruction of A32.
# code 0x8048000
# tls
# fails OJ_E_RANGE section=.text offset=2 relocation=R_ARM_TLS_CALL
# says is not aligned as the field needs it
# oracle none: a static link has no descriptors
.section .tbss,"awT",%nobits
.globl v
v: .zero 4
.text
.arm
 .2byte 0
 .reloc ., R_ARM_TLS_CALL, v
 .2byte 0xfffe, 0xebff
