#  No opcode stands before the field: nothing outside the section is looked at or changed.
# expect code fc ff 1f 00 c3
# expect rodata 04 00 00 10 00 00 00 00
# oracle none: others leave such a field alone or refuse it
.text
.reloc ., R_X86_64_GOTPCRELX, here-4
.skip 4
.globl here
.hidden here
here: ret
