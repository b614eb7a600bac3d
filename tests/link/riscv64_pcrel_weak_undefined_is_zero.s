#  The address 0, out of reach: auipc becomes lui.
# code 0x7f0012340000
# rodata 0x7f0012350000
# data 0x7f0012360000
# expect code @0 37 05 00 00 13 05 05 00
# oracle ld
# oracle-flags --no-relax
.option norelax
.text
 .weak nobody
1: auipc a0, %pcrel_hi(nobody)
 addi a0, a0, %pcrel_lo(1b)
