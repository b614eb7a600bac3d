#  S + A - P = -2147483648: just fits 32 bits with sign.
# define target 0x10000040
# expect code aa aa aa aa 00 00 00 80
.text
.skip 4, 0xaa
.reloc ., R_X86_64_PC32, target-2147483708
.skip 4, 0x55
