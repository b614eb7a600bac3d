#  References lead to a weak definition where there is no other, also through the GOT.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# relaxes
# expect code e8 05 00 00 00 e8 00 00 00 00 c3 cc cc cc cc cc
# expect data 0a 00 00 10 00 00 00 00
.text
call f
call f@PLT
.weak f
f: ret
.data
.quad f
