#  A call through the GOT to what is out of reach stays.
# define far 0x7f0012345678
# expect code ff 15 fa ff 1f 00
# expect rodata 78 56 34 12 00 7f 00 00
# oracle-flags --no-relax
.text
call *far@GOTPCREL(%rip)
