#  R_X86_64_PLT32_BND is of Intel MPX, which was withdrawn.
# refused OJ_E_UNSUPPORTED section=.text offset=2 relocation=R_X86_64_PLT32_BND symbol=target
# says is for Intel MPX
.text
.skip 2
.reloc 2, R_X86_64_PLT32_BND, target
.skip 16
