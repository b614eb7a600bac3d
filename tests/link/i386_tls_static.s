#  Distances from the thread pointer behind the block, of both signs.
# code 0x8048000
# rodata 0x8100000
# data 0x8200000
# tls 1 0xfffffff0
# oracle ld
# expect code 65 a1 f8 ff ff ff 8d 98 fc ff ff ff 81 e9 08 00 00 00
.section .tbss,"awT",@nobits
 .p2align 3
 .zero 8
.globl v
v: .zero 8
.text
 movl %gs:v@ntpoff, %eax
 leal v@ntpoff+4(%eax), %ebx
 subl $v@tpoff, %ecx
