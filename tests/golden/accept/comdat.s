# flags:
        .section .text.shared,"axG",@progbits,shared,comdat
        .weak shared
shared: ret
