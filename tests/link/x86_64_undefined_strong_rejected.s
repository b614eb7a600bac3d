#  An undefined name is named, with the place of its first reference.
# fails OJ_E_UNDEFINED section=.data offset=8 relocation=R_X86_64_64 symbol=nobody
.data
.quad 1
.quad nobody
.quad nobody
