#  The nops of one alignment are not those of another.
# fails OJ_E_MALFORMED section=.text offset=2 relocation=R_RISCV_ALIGN
# says inside of what another one cuts
# oracle none: others read the bytes as they come
.option norelax
.text
 .reloc 0, R_RISCV_ALIGN, 6
 .reloc 2, R_RISCV_ALIGN, 2
 c.nop
 c.nop
 c.nop
