#  CBZ has no bit for a sign.
# code 0x10000
# define before 0x10002
# fails OJ_E_RANGE section=.text offset=0 relocation=R_ARM_THM_JUMP6
# oracle none: linkers do not know its addend
.syntax unified
.text
.thumb
 .reloc ., R_ARM_THM_JUMP6, before
 .2byte 0xb3f0
