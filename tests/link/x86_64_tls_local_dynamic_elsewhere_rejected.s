#  An offset in this link's block says nothing of what is in no block of this link.
# tls
# fails OJ_E_UNSUPPORTED symbol=v
# says which it is not
.weak v
.text
lea v@dtpoff(%rax), %rcx
