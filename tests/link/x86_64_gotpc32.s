#  GOT + A - P. Without a single entry the base is the read-only segment.
# expect code 90 03 00 20 00
# expect rodata 01
.text
nop
.reloc ., R_X86_64_GOTPC32, _GLOBAL_OFFSET_TABLE_+4
.skip 4
.section .rodata,"a"
.byte 1
