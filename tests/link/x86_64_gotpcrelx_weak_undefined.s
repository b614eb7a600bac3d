#  The GOT entry of a weak name that nobody defines is zero.
# code 0x7f0000000000
# rodata 0x7f0000200000
# data 0x7f0000400000
# expect code 48 8b 05 f9 ff 1f 00
# expect rodata 00 00 00 00 00 00 00 00
# oracle lld
# oracle-flags --no-relax
.text
.weak nobody
movq nobody@GOTPCREL(%rip), %rax
