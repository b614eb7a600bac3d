#  A call out of reach goes through a stub behind the code, which jumps through the first GOT entry.
# define far 0x7f0012345678
# counts 1 0 1
# expect code e8 03 00 00 00 cc cc cc ff 25 f2 ff 1f 00 cc cc
# expect rodata 78 56 34 12 00 7f 00 00
# oracle none: static linkers have no stub for a symbol out of reach
.text
call far@PLT
