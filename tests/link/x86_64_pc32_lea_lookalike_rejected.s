#  The end of this instruction looks like lea, but it reads the variable.
# code 0x10000000
# define target 0x7f0000001000
# fails OJ_E_PLACEMENT
# oracle none: no other linker has a client
.text
vpermw target(%rip), %zmm1, %zmm0
