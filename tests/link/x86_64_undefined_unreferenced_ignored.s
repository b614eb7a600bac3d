#  A name that is declared but never referred to is not asked for.
# expect code c3
.globl nobody
.text
ret
