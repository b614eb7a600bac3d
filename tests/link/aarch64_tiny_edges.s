#  The tiny code model's forms, and branches of little reach, at both ends of what they take; and what writes nothing.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# define adr_max 0x100fffff
# define adr_min 0xff00004
# define load_max 0x10100004
# define load_min 0xff0000c
# define cond_max 0x1010000c
# define cond_min 0xff00014
# define test_max 0x10008014
# define test_min 0xfff801c
# define g0_max 0x1001001f
# define g0_min 0xfff0024
# expect code e0 ff 7f 70 01 00 80 10 e2 ff 7f 58 03 00 80 58 e0 ff 7f 54 01 00 80 54 e4 ff 1b 37 05 00 24 b6
# expect code e0 ff 9f d2 e0 ff 9f 92 1f 20 03 d5
.text
 adr x0, adr_max
 adr x1, adr_min
 ldr x2, load_max
 ldr x3, load_min
 b.eq cond_max
 b.ne cond_min
 tbnz w4, #3, test_max
 tbz x5, #36, test_min
 movz x0, #:prel_g0:g0_max
 movz x0, #:prel_g0:g0_min
 .reloc ., R_AARCH64_NONE, adr_max
 nop
