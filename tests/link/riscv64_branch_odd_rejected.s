#  A branch leads to an even address.
# fails OJ_E_RANGE section=.text offset=2 relocation=R_RISCV_JAL symbol=odd
# says is not aligned as the field needs it
# define odd 0x10000101
# oracle ld
.option norelax
.text
nop
.option norvc
jal odd
