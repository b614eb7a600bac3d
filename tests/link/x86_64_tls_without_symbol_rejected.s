#  A distance in thread-local storage is of some variable.
# tls
# fails OJ_E_MALFORMED
# says names no variable
.text
.skip 4
.reloc 0, R_X86_64_TPOFF32, 5
