#  A link that refers to itself with 32 bits must lie below 2 GiB; a client that answers otherwise is told so.
# code 0x80000000
# rodata 0x80200000
# data 0x80400000
# fails OJ_E_PLACEMENT
# oracle none: no other linker has a client
.text
movq $start, %rax
.globl start
start: ret
