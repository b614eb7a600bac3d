#  R_X86_64_NONE changes no byte, even where no byte follows.
# define target 0x7f0000000000
# expect code 90 c3
.text
.reloc ., R_X86_64_NONE, target
nop
.reloc 2, R_X86_64_NONE, target
ret
