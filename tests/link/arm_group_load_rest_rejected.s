#  Of a load what is left behind the groups must fit its offset.
# code 0x10000
# define s 0x112345
# fails OJ_E_RANGE section=.text offset=0 relocation=R_ARM_LDRS_PC_G1 symbol=s
.syntax unified
.text
.arm
 ldrh r0, [r1, #:pc_g1:(s)]
