#  Offsets of entries from the GOT's start, which are for the large code model.
# code 0x10000000
# rodata 0x10080000
# data 0x10400000
# tls
# expect rodata 44 33 22 11 00 00 00 00 08 00 00 00 00 00 00 00
# expect rodata 00 20 00 70 00 00 00 00 00 10 00 70 00 00 00 00 44 33 22 11 00 00 00 00 08 00 00 00 00 00 00 00
# expect rodata 08 f0 ff ff ff ff ff ff
# expect rodata 44 33 22 11 00 00 00 00 00 00 00 00 00 00 00 00
# expect code 00 00 a0 d2 00 00 80 f2 00 00 a0 d2 00 06 80 f2 00 00 a0 d2 00 02 80 f2
# expect code 01 00 40 f9 20 00 00 8b 00 00 a0 d2 00 07 80 f2 80 00 40 58
# assembler llvm-mc-19 -triple=aarch64-linux-gnu -filetype=obj
# oracle none: no linker has all of them
.section .tbss,"awT",@nobits
 .zero 8
.globl v
v: .zero 8
.text
 .reloc ., R_AARCH64_TLSGD_MOVW_G1, v
 movz x0, #0, lsl #16
 .reloc ., R_AARCH64_TLSGD_MOVW_G0_NC, v
 movk x0, #0
 .reloc ., R_AARCH64_TLSIE_MOVW_GOTTPREL_G1, v
 movz x0, #0, lsl #16
 .reloc ., R_AARCH64_TLSIE_MOVW_GOTTPREL_G0_NC, v
 movk x0, #0
 .reloc ., R_AARCH64_TLSDESC_OFF_G1, v
 movz x0, #0, lsl #16
 .reloc ., R_AARCH64_TLSDESC_OFF_G0_NC, v
 movk x0, #0
 .reloc ., R_AARCH64_TLSDESC_LDR, v
 ldr x1, [x0]
 .reloc ., R_AARCH64_TLSDESC_ADD, v
 add x0, x1, x0
 .reloc ., R_AARCH64_TLSLD_MOVW_G1, v
 movz x0, #0, lsl #16
 .reloc ., R_AARCH64_TLSLD_MOVW_G0_NC, v
 movk x0, #0
 .reloc ., R_AARCH64_TLSLD_LD_PREL19, v
 ldr x0, #0
