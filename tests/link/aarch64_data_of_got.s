#  Data and the tiny model's load that count from GOT entries or from the GOT's start; offsets of the large model's.
# code 0x10000000
# rodata 0x10080000
# data 0x10090000
# define far 0x123456789abcdef0
# assembler llvm-mc-19 -triple=aarch64-linux-gnu -filetype=obj
# oracle none: no linker has all of them
# relaxes
# expect rodata f0 de bc 9a 78 56 34 12 10 00 09 10 00 00 00 00
# expect code 00 00 40 58 20 00 40 58
# expect code 00 00 80 d2 00 01 80 f2 00 00 a0 d2 00 00 a0 f2 00 00 c0 d2 00 00 c0 f2 00 00 e0 d2 01 04 40 f9 01 04 40 f9
# expect data d5 ff ff ff 04 00 ff ff 10 00 01 00 00 00 00 00 10 00 01 00 00 00 00 00
# relaxes
.text
.globl start
start:
 .reloc ., R_AARCH64_GOT_LD_PREL19, far
 ldr x0, #0
 .reloc ., R_AARCH64_GOT_LD_PREL19, datum
 ldr x0, #0
 .reloc ., R_AARCH64_MOVW_GOTOFF_G0, far
 movz x0, #0
 .reloc ., R_AARCH64_MOVW_GOTOFF_G0_NC, datum
 movk x0, #0
 .reloc ., R_AARCH64_MOVW_GOTOFF_G1, datum
 movz x0, #0, lsl #16
 .reloc ., R_AARCH64_MOVW_GOTOFF_G1_NC, datum
 movk x0, #0, lsl #16
 .reloc ., R_AARCH64_MOVW_GOTOFF_G2, datum
 movz x0, #0, lsl #32
 .reloc ., R_AARCH64_MOVW_GOTOFF_G2_NC, datum
 movk x0, #0, lsl #32
 .reloc ., R_AARCH64_MOVW_GOTOFF_G3, datum
 movz x0, #0, lsl #48
 .reloc ., R_AARCH64_LD64_GOTOFF_LO15, datum
 ldr x1, [x0]
 .reloc ., R_AARCH64_LD64_GOTPAGE_LO15, datum
 ldr x1, [x0]
.data
 .reloc ., R_AARCH64_PLT32, start + 0x8ffd5
 .word 0
 .reloc ., R_AARCH64_GOTPCREL32, far + 8
 .word 0
 .reloc ., R_AARCH64_GOTREL32, datum
 .word 0
 .word 0
.globl datum
datum:
 .reloc ., R_AARCH64_GOTREL64, datum
 .xword 0
