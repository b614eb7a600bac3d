#  Upper halves are rounded: the last value that lui and addi make is 0x7ffff7ff.
# define far 0x7ffff800
# fails OJ_E_RANGE section=.text offset=0 relocation=R_RISCV_HI20 symbol=far
.option norelax
.text
 lui a0, %hi(far)
