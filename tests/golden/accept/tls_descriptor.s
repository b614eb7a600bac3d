# flags:
        .text
        leaq counter@tlsdesc(%rip), %rax
        call *counter@tlscall(%rax)
