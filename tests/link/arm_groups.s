#  Relocations of few bits that one other linker knows: coprocessor loads in groups, loads by absolute offset, and bytes of
#  an address.
# code 0x10000
# rodata 0x60000
# define near 0x103f0
# define back 0xfc18
# define far 0x3ffc0
# define low 0xabc
# define any 0x89abcdef
# oracle ld
# expect code @0 fa 4b 1f ed
.syntax unified
.fpu vfpv3
.text
.arm
 .reloc ., R_ARM_LDC_PC_G0, back
 vldr d4, [pc, #0]
 .reloc ., R_ARM_LDC_PC_G0, near
 vldr d4, [pc, #0]
 .reloc ., R_ARM_LDC_PC_G1, far
 vldr s5, [r0, #0]
 .reloc ., R_ARM_LDC_PC_G2, far
 vldr s5, [r0, #0]
 .reloc ., R_ARM_ABS12, low
 ldr r1, [r0]
.thumb
 .reloc ., R_ARM_THM_ALU_ABS_G3_NC, any
 movs r1, #0
 .reloc ., R_ARM_THM_ALU_ABS_G2_NC, any
 adds r1, #0
 .reloc ., R_ARM_THM_ALU_ABS_G1_NC, any
 adds r1, #0
 .reloc ., R_ARM_THM_ALU_ABS_G0_NC, any
 adds r1, #0
