#  Every relocation that an assembler writes and two linkers agree on; fields wrap in 32 bits.
# code 0x8048000
# rodata 0x8100000
# data 0x8200000
# define far 0xfffff000
# define half 0x8765
# define byte 0x7e
# define near 0x8048010
# expect code @0 e8 fb 6f fb f7
.text
start:
 call far
 call local
 jmp far@PLT
 jmp local@PLT
 movl $far, %eax
 movl $datum + 4, %eax
 movl datum, %eax
 leal _GLOBAL_OFFSET_TABLE_, %eax
 call 1f
1: popl %ebx
 addl $_GLOBAL_OFFSET_TABLE_+(.-1b), %ebx
 leal datum@GOTOFF(%ebx), %eax
 movl datum@GOTOFF + 8(%ebx), %eax
 movw $half, %ax
 movb $byte, %al
 .byte near - .
 .word near - .
 .word half
.section .text.second,"ax"
 .global local
local:
 ret
 .long datum - .
.section .rodata
 .long 7
.data
 .long 1
 .global datum
datum:
 .long datum, local, far + 1, start - 1
 .size datum, 20
