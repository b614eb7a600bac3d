#  An addend other than -4 means that more of the instruction follows: not relaxed.
# expect code 48 8b 05 fc ff 1f 00 c3
# expect rodata 07 00 00 10 00 00 00 00
# oracle-flags --no-relax
.text
.byte 0x48, 0x8b, 0x05
.reloc ., R_X86_64_REX_GOTPCRELX, here-1
.skip 4
.globl here
.hidden here
here: ret
