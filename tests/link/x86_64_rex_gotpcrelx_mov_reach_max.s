#  S + A - P = 0x7ffffffe: the furthest that is relaxed.
# relaxes
# define target 0x90000005
# expect code 48 8d 05 fe ff ff 7f
# expect rodata 05 00 00 90 00 00 00 00
# oracle none: ld turns absolute symbols into immediate operands
.text
movq target@GOTPCREL(%rip), %rax
