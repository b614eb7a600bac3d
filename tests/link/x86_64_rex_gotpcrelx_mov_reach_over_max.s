#  S + A - P = 0x7fffffff: stays a load: one byte is kept for the jump, whose displacement counts from one byte earlier.
# define target 0x90000006
# expect code 48 8b 05 f9 ff 1f 00
# expect rodata 06 00 00 90 00 00 00 00
# oracle none: ld turns absolute symbols into immediate operands
.text
movq target@GOTPCREL(%rip), %rax
