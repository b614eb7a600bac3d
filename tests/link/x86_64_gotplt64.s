#  As GOT64: there is one GOT.
# define one 0x7f0000000001
# expect code 05 00 00 00 00 00 00 00
# expect rodata 01 00 00 00 00 7f 00 00
# oracle none: others keep a second GOT for the PLT, or do not know it
.text
.reloc ., R_X86_64_GOTPLT64, one+5
.skip 8
