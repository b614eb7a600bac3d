#  Fields in a variable's initial bytes are checked as all others are.
# tls
# define target 0x7fffffff
# fails OJ_E_RANGE section=.tdata offset=4 relocation=R_X86_64_32 symbol=target
# oracle none: they do not relocate against a symbol of no section here
.section .tdata,"awT",@progbits
.long 0
.long 0
.reloc 4, R_X86_64_32, target + 0x80000001
