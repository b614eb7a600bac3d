#  The thread pointer less a variable: an entry of its own, beside that of the distance.
# code 0x8048000
# rodata 0x8100000
# data 0x8200000
# tls 1 0xfffffff0
# oracle none: GNU ld rewrites the instructions in a static link, ld.lld does not know the relocation
# expect rodata f8 ff ff ff 08 00 00 00 0c 00 00 00
# expect code 8b 83 04 00 00 00 2b 8b 04 00 00 00 8b 93 00 00 00 00 2b 8b 08 00 00 00
.section .tbss,"awT",@nobits
 .p2align 3
w: .zero 4
u: .zero 4
.globl v
v: .zero 8
.text
 movl v@gottpoff(%ebx), %eax
 subl v@gottpoff(%ebx), %ecx
 movl v@gotntpoff(%ebx), %edx
 subl u@gottpoff(%ebx), %ecx
