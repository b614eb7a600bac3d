#  Computed addresses of variables that are out of reach are loaded from the GOT; equal ones share an entry.
# code 0x10000000
# rodata 0x10200000
# define target 0x7f0000001000
# expect code 48 8b 05 f9 ff 1f 00  4c 8b 0d fa ff 1f 00  48 8b 1d eb ff 1f 00
# expect rodata 00 10 00 00 00 7f 00 00  10 10 00 00 00 7f 00 00
# oracle none: they have variables copied, or refuse
.text
lea target(%rip), %rax
lea target+16(%rip), %r9
lea target(%rip), %rbx
