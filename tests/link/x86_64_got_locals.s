#  Local symbols have entries of their own.
# rodata 0x10200000
# data 0x10400000
# oracle none: their tables are ordered otherwise
# expect rodata 00 00 40 10 00 00 00 00 08 00 40 10 00 00 00 00 10 00 40 10 00 00 00 00 18 00 40 10 00 00 00 00 20 00 40 10 00 00 00 00
.data
a: .quad 1
b: .quad 1
c: .quad 1
d: .quad 1
e: .quad 1
.text
 .long a@GOTPCREL, b@GOTPCREL, c@GOTPCREL, d@GOTPCREL, e@GOTPCREL
