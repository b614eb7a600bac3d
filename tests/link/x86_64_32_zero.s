#  S + A = 0x0 in a field of 32 bits without sign.
# define target 0x3
# expect code aa aa aa aa 00 00 00 00
.text
.skip 4, 0xaa
.reloc ., R_X86_64_32, target-3
.skip 4, 0x55
