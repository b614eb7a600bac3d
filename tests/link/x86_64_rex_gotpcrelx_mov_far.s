#  A load of what is out of reach stays a load.
# define far 0x7f0012345678
# expect code 48 8b 05 f9 ff 1f 00
# expect rodata 78 56 34 12 00 7f 00 00
# oracle-flags --no-relax
.text
movq far@GOTPCREL(%rip), %rax
