#  Z + A of a local, of a global and of a common symbol.
# expect code 05 00 00 00 0d 00 00 00 26 00 00 00 90 90 90 90 90
# expect data 22 22 22 22 22 22 22 22 22 22 22 22 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
# oracle none: ld does not know the size of common symbols here
.text
.reloc ., R_X86_64_SIZE32, small
.skip 4
.reloc ., R_X86_64_SIZE32, big+1
.skip 4
.reloc ., R_X86_64_SIZE32, shared-2
.skip 4
small: .fill 5, 1, 0x90
.size small, 5
.data
.globl big
big: .fill 12, 1, 0x22
.size big, 12
.comm shared, 40, 16
