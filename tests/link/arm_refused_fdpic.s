#  A function's descriptor, of systems that have no memory mapping.
# refused OJ_E_UNSUPPORTED section=.text offset=0 relocation=R_ARM_FUNCDESC symbol=s
# says FDPIC
.text
 .reloc ., R_ARM_FUNCDESC, s
 .word 0
