#  What stands before the opcode is no REX prefix: the bytes are not what the relocation says.
# expect code 90 8b 05 f9 ff 1f 00 c3
# expect rodata 07 00 00 10 00 00 00 00
# oracle-flags --no-relax
.text
.byte 0x90, 0x8b, 0x05
.reloc ., R_X86_64_REX_GOTPCRELX, here-4
.skip 4
.globl here
.hidden here
here: ret
