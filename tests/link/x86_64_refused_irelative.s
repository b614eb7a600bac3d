#  R_X86_64_IRELATIVE has no place in a relocatable object, or is for what is not supported yet: a clear status, never wrong code.
# refused OJ_E_UNSUPPORTED section=.text offset=2 relocation=R_X86_64_IRELATIVE symbol=target
.text
.skip 2
.reloc 2, R_X86_64_IRELATIVE, target
.skip 16
