#  A linker makes R_X86_64_IRELATIVE of indirect functions: no assembler writes it.
# refused OJ_E_UNSUPPORTED section=.text offset=2 relocation=R_X86_64_IRELATIVE symbol=target
# says is for indirect functions (ifunc)
.text
.skip 2
.reloc 2, R_X86_64_IRELATIVE, target
.skip 16
