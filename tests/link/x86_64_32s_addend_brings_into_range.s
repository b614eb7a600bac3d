#  The symbol itself does not fit 32 bits with sign, from either side, and its sum with the addend does.
# define below 0xffffffff7ffffffd
# define above 0x80000002
# define top 0xffffffffffffffff
# expect code 00 00 00 80 ff ff ff 7f 00 00 00 00 01 00 00 00
.text
.reloc ., R_X86_64_32S, below+3
.skip 4
.reloc ., R_X86_64_32S, above-3
.skip 4
.reloc ., R_X86_64_32S, top+1
.skip 4
.reloc ., R_X86_64_32, top+2
.skip 4
