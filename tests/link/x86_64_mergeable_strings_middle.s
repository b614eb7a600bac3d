#  Addends into sections of mergeable strings and constants, through section symbols, lead to the same bytes.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# expect rodata 6f 6e 65 00 74 77 6f 00 01 02 03 04 05 06 07 08
# expect data 05 00 20 10 00 00 00 00 08 00 20 10 00 00 00 00
# oracle-flags -O0
.section .rodata.str1.1,"aMS",@progbits,1
.string "one"
.Ltwo: .string "two"
.section .rodata.cst8,"aM",@progbits,8
.Lc: .quad 0x0807060504030201
.data
.quad .Ltwo+1
.quad .Lc
