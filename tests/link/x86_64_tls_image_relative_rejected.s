#  Each thread's copy of a variable lies elsewhere: a distance from it to anything is none of the image's.
# tls
# fails OJ_E_UNSUPPORTED section=.tdata offset=8 relocation=R_X86_64_PC32 symbol=plain
# says cannot be in a thread-local variable
.data
.globl plain
plain: .quad 1
.section .tdata,"awT",@progbits
.quad 0
.long plain - .
