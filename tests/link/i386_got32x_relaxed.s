#  Loads from the GOT become address computations, indirect calls and jumps direct ones: everything is in reach.
# code 0x8048000
# rodata 0x8100000
# data 0x8200000
# define far 0xfffff000
# expect code 8d 83 00 f0 ef f7 8d 8b 1e 80 f4 ff c7 c2 00 f0 ff ff 67 e8 e8 6f fb f7 e9 01 00 00 00 90 c3
# relaxes
# oracle none: GNU ld and ld.lld count offsets from another base, and GNU ld makes all of them absolute
.text
 movl far@GOT(%ebx), %eax
 movl local@GOT(%ebx), %ecx
 movl far@GOT, %edx
 call *far@GOT(%ebx)
 jmp *local@GOT(%ebx)
local:
 ret
.section .rodata
 .long 7
