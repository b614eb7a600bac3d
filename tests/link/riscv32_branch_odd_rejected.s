#  A branch leads to an even address.
# fails OJ_E_RANGE section=.text offset=0 relocation=R_RISCV_BRANCH symbol=odd
# says is not aligned as the field needs it
# define odd 0x10000101
# oracle ld
.option norelax
.text
.reloc ., R_RISCV_BRANCH, odd
.4byte 0x00000063
