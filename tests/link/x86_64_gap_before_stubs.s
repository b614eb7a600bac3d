#  The gap between the last code and the first stub holds traps.
# define far 0x7f0012345678
# expect code c3 e8 02 00 00 00 cc cc ff 25 f2 ff 1f 00 cc cc
# oracle none: static linkers have no stub
.text
ret
call far@PLT
