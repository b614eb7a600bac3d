#  Sections of one name are an array: where it starts decides whether their alignments leave gaps in it.
# code 0x10000
# rodata 0x20000
# data 0x30000
# expect rodata 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
# expect rodata 11 00 00 00 00 00 00 00 12 00 00 00 00 00 00 00
# expect rodata 21 00 00 00 00 00 00 00 22 00 00 00 00 00 00 00
# expect data 10 00 02 00 00 00 00 00 30 00 02 00 00 00 00 00
# oracle none: their scripts know no section of this name
.section .rodata,"a"
.quad 1
.section set,"a",@progbits,unique,1
.balign 8
.quad 0x11, 0x12
.section set,"a",@progbits,unique,2
.balign 16
.quad 0x21, 0x22
.data
.quad __start_set, __stop_set
