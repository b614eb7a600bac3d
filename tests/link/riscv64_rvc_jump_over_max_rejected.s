#  One instruction farther than c.j reaches.
# fails OJ_E_RANGE section=.text offset=2 relocation=R_RISCV_RVC_JUMP
# oracle-flags --no-relax
.option norelax
.text
 c.nop
 .reloc ., R_RISCV_RVC_JUMP, last
 .2byte 0xa001
 .skip 0x800 - 2
.globl last
last:
 c.nop
