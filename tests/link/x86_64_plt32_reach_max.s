#  L + A - P = 2147483647: just in reach, so direct.
# relaxes
# define target 0x90000004
# expect code e8 ff ff ff 7f cc cc cc ff 25 f2 ff 1f 00 cc cc
# expect rodata 04 00 00 90 00 00 00 00
# oracle none: static linkers have no stub
.text
call target@PLT
