#  Two bytes further than CBZ reaches.
# code 0x10000
# define beyond 0x10084
# fails OJ_E_RANGE section=.text offset=0 relocation=R_ARM_THM_JUMP6
# oracle none: linkers do not know its addend
.syntax unified
.text
.thumb
 .reloc ., R_ARM_THM_JUMP6, beyond
 .2byte 0xb3f0
