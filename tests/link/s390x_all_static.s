#  Every relocation of addresses that an assembler writes and two linkers agree on, at once: values inside the link and
#  outside it.
# expect code @0 c0 e5 00 00 00 3c
# define far 0x123456789abcdef0
# define mid 0x61234
# define small 0x634
# relaxes
# code 0x10000000
# rodata 0x10080000
# data 0x10090000
# define near 0x10020000
# define negative 0xfffffffffffffffc
# define minus 0xffffffffffffff80
# define byte 255
.text
start:
 brasl %r14, local@PLT
 brasl %r14, local
 brcl 8, local
 bras %r14, local@PLT
 brc 8, local
 brct %r1, local
 bprp 5, start, local
 bprp 5, start@PLT, local@PLT
 bpp 5, local, 0(%r1)
 larl %r1, datum
 larl %r1, near
 lgrl %r1, datum
 l %r1, small
 lg %r1, small(%r2)
 lay %r1, mid
 lay %r1, negative(%r3)
 lghi %r1, small
 lghi %r1, negative
 .p2align 3
 .quad far, datum, start + 0x100
.section .text.second,"ax"
local:
 br %r14
 .p2align 3
 .quad datum - .
 .quad local@PLT
 .long datum - .
 .long near
 .long local@PLT
 .long near - .
 .short small
 .reloc ., R_390_PC16, local
 .short 0
 .byte byte
 .byte minus
.data
 .quad local@PLT
.globl datum
datum:
 .quad 0
