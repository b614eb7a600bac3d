#  Unsigned 32-bit references into the link itself keep it below 4 GiB.
# code 0x100000000
# rodata 0x100200000
# data 0x100400000
# fails OJ_E_PLACEMENT
# oracle none: no other linker has a client
.text
movl $variable, %edi
.data
variable: .byte 7
