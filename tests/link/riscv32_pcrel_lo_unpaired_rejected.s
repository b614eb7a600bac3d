#  A low half whose label has no upper half.
# refused OJ_E_MALFORMED section=.text offset=4 relocation=R_RISCV_PCREL_LO12_I
.option norelax
.option norvc
.text
1: nop
addi a0, a0, %pcrel_lo(1b)
