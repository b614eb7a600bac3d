#  The dynamic linker's own numbers are known by name only.
# refused OJ_E_UNSUPPORTED section=.text offset=0 relocation=R_AARCH64_GLOB_DAT symbol=x
.text
nop
.reloc 0, R_AARCH64_GLOB_DAT, x
