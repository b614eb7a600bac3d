#  Absolute symbols, local and global, are values and not places.
# expect code 35 12 00 00 f0 de bc 9a 78 56 34 12 f4 00 00 00
.set value, 0x1234
.globl wide
.set wide, 0x123456789abcdef0
.globl near
.set near, 0x10000100
.text
.reloc ., R_X86_64_32, value+1
.skip 4
.reloc ., R_X86_64_64, wide
.skip 8
.reloc ., R_X86_64_PC32, near
.skip 4
