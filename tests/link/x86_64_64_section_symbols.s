#  Local symbols and section symbols, in both directions between segments.
# expect code 08 00 40 10 00 00 00 00 90 90 90 90 90 90 90 90
# expect rodata 08 00 00 10 00 00 00 00
# expect data 11 11 11 11 11 11 11 11 00 00 20 10 00 00 00 00
.text
.quad variable
here: .fill 8, 1, 0x90
.section .rodata,"a"
constant: .quad here
.data
.fill 8, 1, 0x11
variable: .quad constant
