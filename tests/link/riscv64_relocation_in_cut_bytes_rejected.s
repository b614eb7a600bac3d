#  A field that is cut out cannot be relocated.
# fails OJ_E_MALFORMED section=.text offset=2 relocation=R_RISCV_JAL
# says in bytes that are cut out
# oracle none: others read the bytes as they come
.option norelax
.text
label:
 .reloc 0, R_RISCV_ALIGN, 6
 .reloc 2, R_RISCV_JAL, label
 c.nop
 c.nop
 c.nop
