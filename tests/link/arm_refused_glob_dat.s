#  A relocation of the dynamic linker's.
# refused OJ_E_UNSUPPORTED section=.text offset=0 relocation=R_ARM_GLOB_DAT symbol=s
# says the dynamic linker
.text
 .reloc ., R_ARM_GLOB_DAT, s
 .word 0
