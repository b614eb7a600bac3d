#  Entries from the GOT's start and from the place, addresses from the GOT's start, the start itself; TARGET2 of GNU/Linux
#  is an entry.
# code 0x10000
# rodata 0x60000
# data 0x70000
# define far 0x89abcdef
# oracle none: the GOT of a static link has more entries
# relaxes
# expect rodata ef cd ab 89 04 00 07 00
# expect code 00 00 05 00 00 00 00 00 04 00 01 00 f4 ff 04 00 f0 ff 04 00 f0 ff 04 00 10 00 01 00
.syntax unified
.text
.arm
 .word _GLOBAL_OFFSET_TABLE_ - .
 .word far(GOT)
 .word datum(GOTOFF)
 .word far(GOT_PREL)
 .word far(target2)
 .word datum(GOT_PREL)
 .word after(GOTOFF)
.data
 .word 1
.globl datum
datum:
 .word 2, 3, 4
.globl after
after:
 .word 5
