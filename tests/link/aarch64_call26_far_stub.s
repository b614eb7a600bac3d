#  A call out of reach goes through a stub behind the code, which jumps through the first GOT entry.
# define far 0x7f0012345678
# counts 1 0 1
# expect code @0 04 00 00 94 03 00 00 14
# expect code @16 10 10 00 90 11 02 40 f9 20 02 1f d6 00 00 00 00
# expect rodata 78 56 34 12 00 7f 00 00
# oracle none: static linkers' veneers have another form
.text
bl far
b far
