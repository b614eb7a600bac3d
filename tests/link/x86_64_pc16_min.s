#  S + A - P = -32768: just fits 16 bits with sign.
# define target 0x10000040
# expect code aa aa aa aa 00 80
.text
.skip 4, 0xaa
.reloc ., R_X86_64_PC16, target-32828
.skip 2, 0x55
