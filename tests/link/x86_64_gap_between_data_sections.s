#  Gaps between data sections and before zero-filled data are zero.
# expect data 11 00 00 00 00 00 00 00 22 00 00 00 00 00 00 00 00 00 00 00
# expect rodata 33 00 00 00 44
.data
.byte 0x11
.section .data.a,"aw"
.balign 8
.byte 0x22
.bss
.balign 16
.skip 4
.section .rodata,"a"
.byte 0x33
.section .rodata.a,"a"
.balign 4
.byte 0x44
