#  A lower half whose label is in another section.
# refused OJ_E_MALFORMED section=.text offset=0 relocation=R_RISCV_PCREL_LO12_I
# says not in its section
# oracle none: refused as it is read
.option norelax
.option norvc
.text
 .reloc 0, R_RISCV_PCREL_LO12_I, label
 addi a0, a0, 0
.section .text.other, "ax"
label:
 auipc a0, %pcrel_hi(label)
