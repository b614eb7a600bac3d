#  What is left behind the last group must be nothing.
# code 0x10000
# define s 0x10109
# fails OJ_E_RANGE section=.text offset=0 relocation=R_ARM_ALU_PC_G0 symbol=s
.syntax unified
.text
.arm
 add r0, pc, #:pc_g0:(s - 8)
