#  An addend other than -4 counts from the stub, too.
# define far 0x7f0012345678
# expect code 0a 00 00 00 cc cc cc cc ff 25 f2 ff 1f 00 cc cc
# expect rodata 78 56 34 12 00 7f 00 00
# oracle none: static linkers have no stub
.text
.reloc ., R_X86_64_PLT32, far+2
.skip 4
