#  What counts from the GOT's start, which is _GLOBAL_OFFSET_TABLE_ also where it is empty.
# relaxes
# code 0x10000000
# rodata 0x10080000
# data 0x10090000
# expect code c0 c0 00 04 00 00 07 fe
# expect data 00 00 00 00 00 01 00 28 ff ff ff ff ff f8 00 06 ff fe ff f0 00 01 00 2a ff f8 00 06 00 08 00 06
# expect data ff ff ff ff ff ff ff fc 00 00 00 00 00 00 00 07
# oracle none: the GOTs of static linkers have entries of their own
.text
larl %r12, _GLOBAL_OFFSET_TABLE_
function:
br %r14
.section .rodata,"a"
.quad 0
.data
.quad datum@GOTOFF, function@PLTOFF
.long _GLOBAL_OFFSET_TABLE_ - .
.reloc ., R_390_GOTOFF32, datum + 2
.long 0
.reloc ., R_390_PLTOFF32, function
.long 0
.reloc ., R_390_GOTOFF16, near
.short 0
.reloc ., R_390_PLTOFF16, function + 0x80000
.short 0
.quad -4
.globl datum
datum:
.quad 7
.section .rodata
.globl near
near:
.quad 0
