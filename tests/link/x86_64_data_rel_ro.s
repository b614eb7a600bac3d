#  Read-only data that only relocations write lies with the constants.
# define far 0x7f0012345678
# expect rodata 78 56 34 12 00 7f 00 00 09
# oracle ld
.section .data.rel.ro,"aw"
.quad far
.section .rodata,"a"
.byte 9
