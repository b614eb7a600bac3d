#  Every relocation that an assembler writes and two linkers agree on, at once: values inside the link and outside it.
# expect code @0 24 00 00 94
# define far 0x123456789abcdef0
# define mid 0x61234
# define small 0x1234
# code 0x10000000
# relaxes
# rodata 0x10080000
# data 0x10090000
# define near 0x10020000
.text
start:
 bl local
 b local
 b.eq local
 cbz x0, local
 tbz x1, #33, local
 adr x0, local
 ldr x0, literal
 adrp x0, datum
 add x0, x0, :lo12:datum
 ldrb w1, [x0, :lo12:datum]
 ldrh w1, [x0, :lo12:datum]
 ldr w1, [x0, :lo12:datum]
 ldr x1, [x0, :lo12:datum]
 ldr q1, [x0, :lo12:datum]
 ldr q1, [x0, :lo12:datum + 0x30]
 adrp x2, :pg_hi21_nc:datum
 movz x3, #:abs_g3:far
 movk x3, #:abs_g2_nc:far
 movk x3, #:abs_g1_nc:far
 movk x3, #:abs_g0_nc:far
 movz x4, #:abs_g1:mid
 movz x4, #:abs_g0:small
 movz x4, #:abs_g2:mid
 movz x5, #:abs_g0_s:small
 movz x5, #:abs_g1_s:mid
 movz x5, #:abs_g2_s:mid
 movz x5, #:abs_g0_s:negative
 movn x5, #:abs_g1_s:negative
 movz x6, #:prel_g1:datum
 movk x6, #:prel_g0_nc:datum
 movz x6, #:prel_g3:datum
 movk x6, #:prel_g2_nc:datum
 movk x6, #:prel_g1_nc:datum
 movz x6, #:prel_g2:start
 .p2align 3
literal:
 .xword far
.section .text.second,"ax"
local:
 ret
 .word datum - .
 .word near
 .hword small
 .hword local - .
 .word near - .
 .xword datum - .
 .xword start + 0x100
.data
 .p2align 4
 .word 1
 .xword local
 .p2align 4
datum:
 .xword datum
 .set negative, -2
