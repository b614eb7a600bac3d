#  A conditional branch reaches 4 KiB.
# code 0x100000
# define far 0x101000
# fails OJ_E_RANGE section=.text offset=0 relocation=R_RISCV_BRANCH symbol=far
.option norelax
.text
 .reloc 0, R_RISCV_BRANCH, far
 beq a0, a1, .
