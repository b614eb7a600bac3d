#  GOT + A - P in 64 bits.
# expect code 90 08 00 20 00 00 00 00 00
# expect rodata 01
.text
nop
.reloc ., R_X86_64_GOTPC64, _GLOBAL_OFFSET_TABLE_+9
.skip 8
.section .rodata,"a"
.byte 1
