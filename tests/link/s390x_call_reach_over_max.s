#  A halfword more goes through a stub.
# code 0x200000000
# rodata 0x200200000
# data 0x200400000
# define over 0x300000000
# expect code c0 e5 00 00 00 04 07 07 c4 18 00 0f ff fc 07 f1
# expect rodata 00 00 00 03 00 00 00 00
# oracle none: static linkers make no stubs
.text
brasl %r14, over@PLT
