#  S + A = 0x7fffffff: the largest that fits.
# define target 0x7ffffffc
# expect code aa aa aa aa ff ff ff 7f
.text
.skip 4, 0xaa
.reloc ., R_X86_64_32S, target+3
.skip 4, 0x55
