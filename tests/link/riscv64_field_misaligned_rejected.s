#  An instruction does not begin at an odd address.
# fails OJ_E_RANGE section=.text offset=1 relocation=R_RISCV_JAL symbol=s
# says is not aligned as the field needs it
# define s 0x10000100
# oracle ld
.option norelax
.text
.byte 0
.reloc ., R_RISCV_JAL, s
.byte 0x6f, 0, 0, 0
