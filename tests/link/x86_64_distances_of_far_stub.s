#  Tables of functions' distances from the table: what is out of reach is reached through its stub, the addend counted.
# define far 0x7f0012345678
# assembler llvm-mc-19 -triple=x86_64-linux-gnu -filetype=obj
# oracle none: other linkers' stubs are elsewhere
# expect code @8 ff 25 f2 ff 1f 00 cc cc
# expect data 08 00 c0 ff 08 00 c0 ff e8 08 00 c0 ff
.text
 ret
.data
table:
 .long far@PLT - table
 .long far@PLT - table
 .byte 0xe8
 .long far@PLT - table
