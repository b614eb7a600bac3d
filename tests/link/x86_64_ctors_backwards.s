#  Old lists run from their end, and their priorities count down: in order they are run as .init_array of 65535 - N.
# define a 0x11
# define b 0x22
# define c 0x33
# expect data 33 00 00 00 00 00 00 00 22 00 00 00 00 00 00 00 11 00 00 00 00 00 00 00
# oracle none: linkers leave lists for the start-up files to walk
.section .ctors,"aw",@progbits
.quad a
.quad b
.section .ctors.65000,"aw",@progbits
.quad c
