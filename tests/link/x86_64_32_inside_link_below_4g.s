#  Unsigned 32-bit references into the link itself work up to 4 GiB.
# code 0xf0000000
# rodata 0xf0200000
# data 0xf0400000
# expect code bf 00 00 40 f0
# expect data 07
.text
movl $variable, %edi
.data
variable: .byte 7
