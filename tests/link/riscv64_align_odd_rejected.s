#  An alignment takes away nops of its section, in whole instructions.
# refused OJ_E_MALFORMED section=.text offset=0 relocation=R_RISCV_ALIGN
# says not its section's
# oracle none: refused as it is read
.option norelax
.text
 .reloc 0, R_RISCV_ALIGN, 3
 nop
 nop
