#  R_386_16 takes what fits as signed or unsigned.
# define half 0x10000
# code 0x8048000
# fails OJ_E_RANGE section=.text offset=2 relocation=R_386_16 symbol=half
.text
 movw $half, %ax
