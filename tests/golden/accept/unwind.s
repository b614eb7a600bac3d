# Unwind tables in both of their forms, sections of no use at run time, and an empty constructor list.
# flags:
# flags: -g
        .text
        .globl f
        .type f, @function
f:
        .cfi_startproc
        pushq %rbp
        .cfi_def_cfa_offset 16
        popq %rbp
        ret
        .cfi_endproc
        .size f, . - f
        .section .init_array,"aw",@init_array
        .section .note.mine,"a",@note
        .long 4, 4, 1
        .asciz "abc"
        .long 7
        .comm shared_buffer, 100, 32
        .section .note.GNU-stack,"",@progbits
