#  GOTPCREL to what the link defines keeps its entry; two loads of one symbol share it.
# expect code 48 8b 05 f9 ff 1f 00 48 8b 0d f2 ff 1f 00 c3
# expect rodata 0e 00 00 10 00 00 00 00
# oracle-flags --no-relax
.text
.byte 0x48, 0x8b, 0x05
.reloc ., R_X86_64_GOTPCREL, here-4
.skip 4
.byte 0x48, 0x8b, 0x0d
.reloc ., R_X86_64_GOTPCREL, here-4
.skip 4
.globl here
here: ret
