#  An alignment in data takes nothing away, and writes nothing behind its section.
# expect data 88 77 66 55 44 33 22 11 01 02 03 04 05 06 07 08
# oracle none: others take it for code's
.data
 .dword 0x1122334455667788
 .reloc 8, R_RISCV_ALIGN, 0
.section .data.second, "aw"
 .dword 0x0807060504030201
