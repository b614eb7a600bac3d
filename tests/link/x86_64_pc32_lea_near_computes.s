#  In reach an address is computed; the GOT entry that it could have needed is there.
# code 0x10000000
# rodata 0x10200000
# define target 0x10800000
# expect code 48 8d 05 f9 ff 7f 00
# expect rodata 00 00 80 10 00 00 00 00
# relaxes
# oracle none: they know that no entry is needed
.text
lea target(%rip), %rax
