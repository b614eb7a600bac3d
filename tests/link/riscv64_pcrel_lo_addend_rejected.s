#  A lower half is where its label is, and nowhere beside it.
# refused OJ_E_MALFORMED section=.text offset=4 relocation=R_RISCV_PCREL_LO12_I
# says has an addend
# oracle none: refused as it is read
.option norelax
.option norvc
.text
label:
 auipc a0, %pcrel_hi(label)
 .reloc 4, R_RISCV_PCREL_LO12_I, label + 4
 addi a0, a0, 0
