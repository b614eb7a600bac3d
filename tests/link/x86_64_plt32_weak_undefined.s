#  A call to a weak name that nobody defines: its stub jumps to address 0, as a lazy binding would.
# define other 1
# code 0x7f0000000000
# rodata 0x7f0000200000
# data 0x7f0000400000
# expect code e8 03 00 00 00 cc cc cc ff 25 f2 ff 1f 00 cc cc
# expect rodata 00 00 00 00 00 00 00 00
# oracle none: ld turns such a call into a nop or leaves it
.text
.weak nobody
call nobody@PLT
