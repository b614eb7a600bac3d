#  Arrays of constructors by ascending priority, those without one last, each in the order of their sections.
# define a 0x11
# define b 0x22
# define c 0x33
# define d 0x44
# expect data 22 00 00 00 00 00 00 00 44 00 00 00 00 00 00 00 33 00 00 00 00 00 00 00 11 00 00 00 00 00 00 00
# oracle none: linkers give arrays an output section of their own
.section .init_array,"aw",@init_array
.quad a
.section .init_array.101,"aw",@init_array
.quad b
.section .init_array.65535,"aw",@init_array
.quad c
.section .init_array.00200,"aw",@init_array
.quad d
