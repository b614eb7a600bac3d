#  L + A - P = 2147483648: one too far, so through the stub.
# define target 0x90000005
# expect code e8 03 00 00 00 cc cc cc ff 25 f2 ff 1f 00 cc cc
# expect rodata 05 00 00 90 00 00 00 00
# oracle none: static linkers have no stub
.text
call target@PLT
