# flags:
# expect: OJ_E_UNSUPPORTED thread-local storage
        .text
        leaq counter@tlsdesc(%rip), %rax
        call *counter@tlscall(%rax)
