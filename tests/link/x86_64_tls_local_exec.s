#  Local-exec: distances from the thread pointer are constants of the link.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# tls
# expect code 64 8b 04 25 04 f0 ff ff 48 8d 80 06 f0 ff ff 48 b8 04 f0 ff ff ff ff ff ff cc cc cc cc cc cc cc
# oracle none: a static link lays its own block
.section .tbss,"awT",@nobits
.zero 4
.globl v
v: .zero 4
.text
mov %fs:v@tpoff, %eax
lea v@tpoff+2(%rax), %rax
movabs $v@tpoff, %rax
