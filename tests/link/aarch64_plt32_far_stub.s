#  Tables of functions' distances from the table, as LLVM's relative tables of virtual functions: what is out of reach is
#  reached through its stub, the addend counted.
# code 0x10000000
# data 0x10090000
# rodata 0x10080000
# define far 0x7f0012345678
# assembler llvm-mc-19 -triple=aarch64-linux-gnu -filetype=obj
# counts 1 0 1
# relaxes
# oracle none: static linkers' veneers have another form
# expect code @0 c0 03 5f d6
# expect code @16 10 04 00 90 11 02 40 f9 20 02 1f d6 00 00 00 00
# expect rodata 78 56 34 12 00 7f 00 00
# expect data 00 00 f7 ff 10 00 f7 ff 14 00 f7 ff
.text
.globl near
near: ret
.data
table:
 .word near@PLT - table
 .word far@PLT - table
 .word far@PLT - table + 4
