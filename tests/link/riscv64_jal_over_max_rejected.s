#  One instruction farther than jal reaches, inside the link: there is no stub for it.
# fails OJ_E_RANGE section=.text offset=0 relocation=R_RISCV_JAL
# oracle-flags --no-relax
.option norelax
.text
 .reloc ., R_RISCV_JAL, last
 .4byte 0x000000ef
 .skip 0x100000 - 4
.globl last
last:
 c.nop
