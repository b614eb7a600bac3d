#  Only files that are linked already have R_X86_64_JUMP_SLOT.
# refused OJ_E_UNSUPPORTED section=.text offset=2 relocation=R_X86_64_JUMP_SLOT symbol=target
# says is for the dynamic linker, and has no place in a relocatable object
.text
.skip 2
.reloc 2, R_X86_64_JUMP_SLOT, target
.skip 16
