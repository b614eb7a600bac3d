# flags:
# expect: OJ_E_UNSUPPORTED COMDAT
        .section .text.shared,"axG",@progbits,shared,comdat
        .weak shared
shared: ret
