# flags:
# expect: OJ_E_UNSUPPORTED not loaded
        .section .note.gnu.mine,"a",@note
here:   .long 0
        .data
        .quad here
