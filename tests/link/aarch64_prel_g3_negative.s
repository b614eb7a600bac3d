#  A distance below zero: movn at its top, as :prel_g2: has it (AAELF64, 5.7.5); ld.lld always writes movz here, and what
#  the movk instructions behind it come to is the same.
# define far 0x8123456789abcdef
# code 0x4000000000
# rodata 0x4000200000
# data 0x4000400000
# expect code 81 db ef 92 e1 a4 c8 f2 61 35 b1 f2 61 bc 99 f2
# oracle ld
.text
 movz x1, #:prel_g3:far
 movk x1, #:prel_g2_nc:far
 movk x1, #:prel_g1_nc:far
 movk x1, #:prel_g0_nc:far
