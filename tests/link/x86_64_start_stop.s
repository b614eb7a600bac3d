#  __start_X and __stop_X bound all of a section whose name is an identifier; hidden ones are the link's own as well.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# expect data 11 00 00 00 00 00 00 00 01 02 03
# expect code 48 8d 05 01 00 40 00 48 8d 0d fd ff 3f 00 cc cc
# oracle none: linkers join such sections into one of their own
.text
lea __start_marks(%rip), %rax
lea __stop_marks(%rip), %rcx
.hidden __stop_marks
.section marks,"aw",@progbits
.byte 1, 2
.data
.quad 0x11
.section marks,"aw",@progbits
.byte 3
