#  CBZ at an odd address is no instruction's.
# code 0x10000
# define after 0x10010
# fails OJ_E_RANGE section=.text offset=1 relocation=R_ARM_THM_JUMP6
# oracle none: linkers do not know its addend
.syntax unified
.text
.thumb
 .byte 0
 .reloc ., R_ARM_THM_JUMP6, after
 .byte 0xf0, 0xb3
