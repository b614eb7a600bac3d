#  Entries for what is outside the link and inside it: an upper half finds the entry, and its low half the upper one.
# code 0x100000
# rodata 0x180000
# data 0x190000
# define far 0x123456789abcdef0
# counts 0 0 2
# expect rodata f0 de bc 9a 78 56 34 12 10 00 19 00 00 00 00 00
# expect code @0 17 05 08 00 03 35 05 00 97 05 08 00 83 b5 05 00 03 35 05 00
# oracle none: static linkers have entries of their own before these
.option norelax
.text
1: auipc a0, %got_pcrel_hi(far)
 ld a0, %pcrel_lo(1b)(a0)
2: auipc a1, %got_pcrel_hi(datum)
 ld a1, %pcrel_lo(2b)(a1)
 ld a0, %pcrel_lo(1b)(a0)
.data
.8byte 0, 0
.global datum
datum:
.8byte 1
