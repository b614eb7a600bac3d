#  An augmentation that is not known may mean anything.
# fails OJ_E_UNSUPPORTED section=.eh_frame offset=0
# says its augmentation is not known
.text
 ret
.section .eh_frame,"a",@unwind
 .long 12
 .long 0
 .byte 1
 .asciz "q"
 .byte 1, 1, 16, 0, 0
 .long 12, 20
 .long 0, 0
