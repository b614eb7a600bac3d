#  S + A = 0xffffffff in a field of 32 bits without sign.
# define target 0xfffffffc
# expect code aa aa aa aa ff ff ff ff
.text
.skip 4, 0xaa
.reloc ., R_X86_64_32, target+3
.skip 4, 0x55
