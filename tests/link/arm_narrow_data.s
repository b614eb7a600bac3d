#  Fields of 16 and 8 bits take what fits as signed or unsigned.
# define half 0x8765
# define byte 0x7e
# expect data 65 87 7e 00
# oracle ld
.data
 .2byte half
 .byte byte
 .byte 0
