#  An external in reach is relaxed; its entry, which the layout had to reserve, stays.
# relaxes
# define near 0x10410000
# expect code 48 8d 05 f9 ff 40 00
# expect rodata 00 00 41 10 00 00 00 00
# oracle none: ld turns absolute symbols into immediate operands
.text
movq near@GOTPCREL(%rip), %rax
