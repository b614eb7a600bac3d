#  The index counts from its own place, in 31 bits: code can be in reach of all else, and not of that.
# code 0x10000
# rodata 0x60000000
# fails OJ_E_RANGE
# says an unwind entry at
# oracle none: they report the relocation
.syntax unified
.arm
.text
 .fnstart
 bx lr
 .cantunwind
 .fnend
