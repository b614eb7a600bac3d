#  What is loaded cannot refer to what is not: there is no address.
# fails OJ_E_UNSUPPORTED section=.comment.text symbol=remark
# says which is not loaded
.data
.quad remark
.section .comment.text,"",@progbits
.globl remark
remark: .byte 1
