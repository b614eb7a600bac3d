#  Sections of one name are joined for their bounds: what runs and what is written stay apart.
# fails OJ_E_UNSUPPORTED
# says some are data
.text
lea __start_mixed(%rip), %rax
.section mixed,"ax",@progbits,unique,1
nop
.section mixed,"aw",@progbits,unique,2
.byte 1
