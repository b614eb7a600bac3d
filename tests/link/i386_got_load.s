#  Loads that cannot be rewritten keep their entries.
# code 0x8048000
# rodata 0x8100000
# data 0x8200000
# define far 0xfffff000
# counts 0 0 1
# expect code 03 83 00 00 00 00 3b 0d 00 00 10 08
# expect rodata 00 f0 ff ff
# oracle none: other linkers count the entries from another base
.text
 addl far@GOT(%ebx), %eax
 cmpl far@GOT, %ecx
