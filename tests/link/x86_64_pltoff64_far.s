#  64 bits reach an external without a stub.
# define far 0x7f0012345678
# expect code 78 56 14 02 00 7f 00 00
# expect rodata 01
# oracle none: others go through a PLT, or refuse an absolute symbol
.text
.reloc ., R_X86_64_PLTOFF64, far
.skip 8
.section .rodata,"a"
.byte 1
