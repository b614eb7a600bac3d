#  S + A = 0xffffffff80000000: the smallest that fits.
# define target 0xffffffff80000000
# expect code aa aa aa aa 00 00 00 80
.text
.skip 4, 0xaa
.reloc ., R_X86_64_32S, target
.skip 4, 0x55
