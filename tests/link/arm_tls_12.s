#  Offsets in a block and from the thread pointer that an instruction holds.
# code 0x10000
# rodata 0x60000
# tls 1 0x8
# oracle none: GNU ld takes neither, ld.lld not these numbers
# expect code 34 01 90 e5 3c 01 90 e5
.section .tbss,"awT",%nobits
 .zero 0x134
.globl v
v: .zero 4
.text
.arm
 .reloc ., R_ARM_TLS_LDO12, v
 ldr r0, [r0]
 .reloc ., R_ARM_TLS_LE12, v
 ldr r0, [r0]
