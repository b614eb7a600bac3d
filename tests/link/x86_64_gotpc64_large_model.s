#  The large code model: the base of the GOT, an offset to a variable from it, and a function through it.
# expect code 48 8d 05 f9 ff ff ff 49 bb 00 00 20 00 00 00 00 00 48 b8 04 00 20 00 00 00 00 00 48 b8 00 00 e0 ff ff ff ff ff
# expect rodata 01
# expect data 00 00 00 00 05 00 00 00
.text
.globl start
start: leaq start(%rip), %rax
movabsq $_GLOBAL_OFFSET_TABLE_-start, %r11
movabsq $variable@GOTOFF, %rax
movabsq $start@PLTOFF, %rax
.section .rodata,"a"
.byte 1
.data
.long 0
variable: .long 5
