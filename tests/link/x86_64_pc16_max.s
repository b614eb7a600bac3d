#  S + A - P = 32767: just fits 16 bits with sign.
# define target 0x10000040
# expect code aa aa aa aa ff 7f
.text
.skip 4, 0xaa
.reloc ., R_X86_64_PC16, target+32707
.skip 2, 0x55
