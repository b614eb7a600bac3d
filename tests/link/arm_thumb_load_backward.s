#  Loads and ADRs backward, by all that their fields hold.
# code 0x10000
# define before 0xf005
# define before_that 0xf009
# oracle lld
# expect code 5f f8 ff 3f af f6 ff 74
.syntax unified
.text
.thumb
 .reloc ., R_ARM_THM_PC12, before
 ldr.w r3, [pc, #-4]
 .reloc ., R_ARM_THM_ALU_PREL_11_0, before_that
 .2byte 0xf2af, 0x0404
