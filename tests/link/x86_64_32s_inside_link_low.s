#  Absolute references into the link itself, as code that is not position-independent makes them, below 2 GiB.
# code 0x7ff00000
# rodata 0x7ff80000
# data 0x7ffc0000
# expect code 48 c7 c0 04 00 fc 7f bf 00 00 f8 7f
# expect rodata 22 22 22 22
# expect data 11 11 11 11 11 11 11 11
.text
movq $variable, %rax
movl $constant, %edi
.section .rodata,"a"
constant: .long 0x22222222
.data
.long 0x11111111
variable: .long 0x11111111
