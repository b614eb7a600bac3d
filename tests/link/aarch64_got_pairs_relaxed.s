#  A load from the GOT whose ADRP stands before it becomes an address computation, the entry stays. Not so where the
#  symbol is out of reach. GNU ld does not do this.
# relaxes
# oracle lld
# define near 0x10001234
# define far 0x123456789abc
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# expect code 1f 20 03 d5 80 91 00 10
# expect code 01 10 00 90 21 04 40 f9
# expect code 02 20 00 90 42 00 00 91
.text
 adrp x0, :got:near
 ldr x0, [x0, :got_lo12:near]
 adrp x1, :got:far
 ldr x1, [x1, :got_lo12:far]
 adrp x2, :got:datum
 ldr x2, [x2, :got_lo12:datum]
.data
 .global datum
 .hidden datum
datum:
 .xword 1
