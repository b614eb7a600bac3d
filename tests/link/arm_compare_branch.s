#  CBZ and CBNZ go forward, as far as 126 bytes behind the next word.
# code 0x10000
# define next 0x10004
# define last 0x10084
# oracle none: linkers do not know its addend
# expect code 00 b1 f8 bb 08 b9 00 bf
.syntax unified
.text
.thumb
 .reloc ., R_ARM_THM_JUMP6, next
 .2byte 0xb3f0
 .reloc ., R_ARM_THM_JUMP6, last
 .2byte 0xbbf0
 .reloc ., R_ARM_THM_JUMP6, next
 .2byte 0xb908
 nop
