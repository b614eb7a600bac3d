#  An instruction that the psABI does not list (push) stays a load even though the relocation allows more.
# expect code ff 35 fa ff 1f 00 c3
# expect rodata 06 00 00 10 00 00 00 00
# oracle-flags --no-relax
.text
.byte 0xff, 0x35
.reloc ., R_X86_64_GOTPCRELX, here-4
.skip 4
.globl here
.hidden here
here: ret
