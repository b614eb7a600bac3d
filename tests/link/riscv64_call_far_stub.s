#  A call out of reach goes through a stub behind the code, which jumps through the first GOT entry.
# define far 0x7f0012345678
# counts 1 0 1
# expect code @0 97 00 00 00 e7 80 00 01 17 03 00 00 67 00 83 00 17 03 20 00 03 33 03 ff 67 00 03 00 13 00 00 00
# expect rodata 78 56 34 12 00 7f 00 00
# oracle none: static linkers refuse it
.option norelax
.text
 call far
 tail far
