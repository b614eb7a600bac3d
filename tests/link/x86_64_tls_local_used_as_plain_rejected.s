#  A thread-local variable has no address that a link could know, not even within its own object.
# tls
# fails OJ_E_MALFORMED
# says is thread-local in case.o and is not in case.o
.data
.reloc 0, R_X86_64_PC32, v
.skip 8
.section .tdata,"awT",@progbits
v: .quad 1
