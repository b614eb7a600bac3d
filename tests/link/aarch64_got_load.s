#  GOT loads of what is outside the link and inside it: adrp and ldr, an offset from the GOT's page.
# code 0x100000
# rodata 0x180000
# data 0x190000
# define far 0x123456789abcdef0
# counts 0 0 2
# expect rodata f0 de bc 9a 78 56 34 12 10 00 19 00 00 00 00 00
# oracle lld
# relaxes
.text
adrp x0, :got:far
ldr x0, [x0, :got_lo12:far]
adrp x0, :got:datum
ldr x0, [x0, :got_lo12:datum]
adrp x2, _GLOBAL_OFFSET_TABLE_
ldr x2, [x2, :gotpage_lo15:far]
.data
.xword 0, 0
.global datum
datum:
.xword 1
