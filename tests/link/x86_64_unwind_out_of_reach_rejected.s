#  A table that nobody places is relocated all the same, and what does not fit in it is told.
# define target 0x10000
# fails OJ_E_RANGE section=.eh_frame offset=8 relocation=R_X86_64_16 symbol=target
# oracle none: unwind tables are compared elsewhere
.text
 ret
.section .eh_frame,"a",@unwind
 .long 0, 0, 0, 0
 .reloc 8, R_X86_64_16, target
