#  R_386_SIZE32 is the symbol's size and the addend.
# expect data 01 00 00 00 05 00 00 00
# oracle ld
.data
 .global datum
datum:
 .long 1
 .size datum, 4
 .long datum@SIZE + 1
