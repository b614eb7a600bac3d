#  The dynamic linker's own numbers are known by name only.
# refused OJ_E_UNSUPPORTED section=.text offset=0 relocation=R_390_GLOB_DAT symbol=x
# says is for the dynamic linker, and has no place in a relocatable object
.text
nopr
.reloc 0, R_390_GLOB_DAT, x
