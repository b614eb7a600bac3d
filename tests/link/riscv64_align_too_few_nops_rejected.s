#  An alignment whose nops do not reach it.
# fails OJ_E_MALFORMED section=.text offset=2 relocation=R_RISCV_ALIGN
.option norelax
.text
 c.nop
 .reloc 2, R_RISCV_ALIGN, 4
 c.nop
 c.nop
 c.nop
