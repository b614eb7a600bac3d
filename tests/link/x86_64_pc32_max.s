#  S + A - P = 2147483647: just fits 32 bits with sign.
# define target 0x10000040
# expect code aa aa aa aa ff ff ff 7f
.text
.skip 4, 0xaa
.reloc ., R_X86_64_PC32, target+2147483587
.skip 4, 0x55
