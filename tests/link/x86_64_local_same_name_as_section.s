#  A reference through a section symbol with an addend into the middle of the section.
# expect data 00 01 02 03 02 00 40 10 00 00 00 00
.data
.byte 0, 1, 2, 3
.reloc ., R_X86_64_64, .data+2
.skip 8
