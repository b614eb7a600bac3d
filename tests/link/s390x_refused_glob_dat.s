#  The dynamic linker's own numbers are known by name only.
# refused OJ_E_UNSUPPORTED section=.text offset=0 relocation=R_390_GLOB_DAT symbol=x
.text
nopr
.reloc 0, R_390_GLOB_DAT, x
