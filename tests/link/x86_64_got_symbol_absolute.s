#  The linker defines _GLOBAL_OFFSET_TABLE_ for other relocations, too.
# expect code 00 00 20 00 01 00 20 10 00 00 00 00
# expect rodata 01 02
.text
.reloc ., R_X86_64_PC32, _GLOBAL_OFFSET_TABLE_
.skip 4
.reloc ., R_X86_64_64, _GLOBAL_OFFSET_TABLE_+1
.skip 8
.section .rodata,"a"
.byte 1, 2
