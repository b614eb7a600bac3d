#  What a compiler says about branch targets and signed returns: no segment has it.
# expect code 5f 24 03 d5 3f 23 03 d5 bf 23 03 d5 c0 03 5f d6
.section .note.gnu.property,"a",@note
 .p2align 3
 .word 4, 16, 5
 .asciz "GNU"
 .word 0xc0000000, 4, 3, 0
.text
 hint #34
 hint #25
 hint #29
 ret
