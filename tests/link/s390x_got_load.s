#  Loads from the GOT by their distance, and from its start: every byte of an entry in the architecture's order.
# code 0x100000
# rodata 0x180000
# data 0x190000
# define far 0x123456789abcdef0
# counts 0 0 2
# expect rodata 12 34 56 78 9a bc de f0 00 00 00 00 00 19 00 11
# expect code @0 c4 18 00 04 00 00 c4 28 00 04 00 01 c0 30 00 03 ff fa 41 10 c0 08 a7 19 00 08 e3 10 c0 08 00 71
# expect code @32 00 00 00 00 00 00 00 08 00 00 00 08
# oracle none: static linkers relax loads, and have entries of their own before these
# relaxes
.text
lgrl %r1, far@GOTENT
lgrl %r2, odd@GOTENT
larl %r3, far@GOTENT
la %r1, odd@GOT(%r12)
lghi %r1, odd@GOT
lay %r1, odd@GOT(%r12)
.quad odd@GOT
.long odd@GOT
.data
.quad 0, 0
.byte 0
.global odd
odd:
.byte 1
