#  S + A - P in 64 bits reaches everything.
# define far 0x7fffffff12345678
# expect code 90 90 78 56 34 02 ff ff ff 7f
.text
nop
nop
.reloc ., R_X86_64_PC64, far+2
.skip 8
