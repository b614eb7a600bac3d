#  A version is found by both spellings; the default one by the plain name; and no other version by that.
# oracle ld
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# expect code c3 c3 c3
# expect data 01 00 00 10 00 00 00 00 00 00 00 10 00 00 00 00 01 00 00 10 00 00 00 00 02 00 00 10 00 00 00 00
.text
.globl one, two, other
one: ret
two: ret
other: ret
.symver one, f@V1
.symver two, f@@V2
.symver other, g@@V1
.data
.quad f
.symver asked_one, f@V1
.quad asked_one
.symver asked_two, f@V2
.quad asked_two
.quad g
