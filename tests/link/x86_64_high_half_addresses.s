#  Addresses in the upper half: distances wrap correctly.
# code 0xffff800000000000
# rodata 0xffff800000200000
# data 0xffff800000400000
# expect code 48 8d 05 f9 ff 3f 00
# expect data 00 00 00 00 00 80 ff ff
.text
start: leaq variable(%rip), %rax
.data
variable: .quad start
