#  A page that two loads use must stay that of the GOT, for every load of the section; and so must one that the load
#  does not overwrite.
# define near 0x10001234
# oracle lld
.text
 adrp x0, :got:near
 ldr x1, [x0, :got_lo12:near]
 ldr x2, [x0, :got_lo12:near]
 adrp x3, :got:near
 ldr x3, [x3, :got_lo12:near]
.section .text.other,"ax"
 adrp x4, :got:near
 ldr x5, [x4, :got_lo12:near]
# expect code @0x14 04 10 00 90 85 00 40 f9
# expect code @0 00 10 00 90 01 00 40 f9 02 00 40 f9 03 10 00 90 63 00 40 f9
