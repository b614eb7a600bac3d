#  Relocations that are looked for by their offsets are in the order of these.
# refused OJ_E_UNSUPPORTED section=.text offset=0 relocation=R_RISCV_PCREL_HI20
# says out of order
# oracle none: refused as it is read
.option norelax
.option norvc
.text
label:
 auipc a0, 0
 addi a0, a0, 0
 .reloc 4, R_RISCV_PCREL_LO12_I, label
 .reloc 0, R_RISCV_PCREL_HI20, label
