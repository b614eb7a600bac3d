#  Fields that end with their sections, of every width.
# define t 0x44
# expect code 90 44
# expect rodata 11 44 00 00 00
# expect data 22 44 00 00 00 00 00 00 00
.text
nop
.reloc ., R_X86_64_8, t
.skip 1
.section .rodata,"a"
.byte 0x11
.reloc ., R_X86_64_32, t
.skip 4
.data
.byte 0x22
.reloc ., R_X86_64_64, t
.skip 8
