#  A low half whose label is at no upper half.
# refused OJ_E_MALFORMED section=.text offset=2 relocation=R_RISCV_PCREL_LO12_I
.option norelax
.text
1: nop
 .option norvc
 addi a0, a0, %pcrel_lo(1b)
