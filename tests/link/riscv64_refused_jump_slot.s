#  The dynamic linker's.
# refused OJ_E_UNSUPPORTED section=.data offset=0 relocation=R_RISCV_JUMP_SLOT symbol=there
# says is for the dynamic linker, and has no place in a relocatable object
.data
 .reloc 0, R_RISCV_JUMP_SLOT, there
 .8byte 0
