#  An entry's offset in data, which is from the GOT's start; and what writes nothing.
# define far 0x12345678
# define other 0x9abcdef0
# expect data 00 00 00 00 04 00 00 00 07 00 00 00
# expect rodata f0 de bc 9a 78 56 34 12
# oracle none: other linkers count the entries from another base
.data
 .long other@GOT
 .long far@GOT
 .reloc ., R_386_NONE, far
 .long 7
