#  Nops are in code: an alignment of data has none to cut.
# refused OJ_E_UNSUPPORTED section=.rodata offset=2 relocation=R_RISCV_ALIGN
.text
 ret
.section .rodata
 .half 1
 .reloc 2, R_RISCV_ALIGN, 2
 .half 2
