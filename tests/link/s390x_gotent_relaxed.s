#  A load of an even address in reach becomes a computation of it; another instruction, and an odd address, stay.
# code 0x100000
# rodata 0x180000
# data 0x190000
# define far 0x123456789abcdef0
# expect code @0 c0 f0 00 04 80 00 c4 28 00 04 00 01 c0 20 00 03 ff fe c4 28 00 03 ff ff
# oracle none: other linkers drop the entry of what is relaxed
# relaxes
.text
lgrl %r15, even@GOTENT
lgrl %r2, far@GOTENT
larl %r2, far@GOTENT
lgrl %r2, odd@GOTENT
.data
.global even
even:
.byte 0
.global odd
odd:
.byte 1
