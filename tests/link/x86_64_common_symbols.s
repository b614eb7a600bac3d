#  Common symbols lie behind all other data, each at its own alignment, and are zero.
# expect data 11 22 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
# oracle none: linkers sort common symbols as they like
.data
.byte 0x11, 0x22
.bss
.skip 2
.comm wide, 8, 16
.comm narrow, 1, 1
