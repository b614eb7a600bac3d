#  A ModRM byte that names no memory at rip is not relaxed.
# expect code 8b 04 fa ff 1f 00 c3
# expect rodata 06 00 00 10 00 00 00 00
# oracle-flags --no-relax
.text
.byte 0x8b, 0x04
.reloc ., R_X86_64_GOTPCRELX, here-4
.skip 4
.globl here
.hidden here
here: ret
