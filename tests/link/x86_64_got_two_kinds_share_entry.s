#  A symbol loaded from the GOT and called through a stub has one entry.
# define far 0x7f0012345678
# expect code 48 8b 05 f9 ff 1f 00 e8 04 00 00 00 cc cc cc cc ff 25 ea ff 1f 00 cc cc
# expect rodata 78 56 34 12 00 7f 00 00
# oracle none: static linkers have no stub
.text
movq far@GOTPCREL(%rip), %rax
call far@PLT
