#  A call to an external symbol in reach is made direct; its stub stays in the layout, unused.
# relaxes
# define near 0x10001000
# expect code e8 fb 0f 00 00 cc cc cc ff 25 f2 ff 1f 00 cc cc
# expect rodata 00 10 00 10 00 00 00 00
# oracle none: static linkers reserve no stub
.text
call near@PLT
