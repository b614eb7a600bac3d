#  Distances from the thread pointer behind the block, in every field.
# oracle ld
# tls 1 0xfffffffffffffff0
# expect code 64 48 8b 04 25 f8 ff ff ff 48 8d 98 fc ff ff ff 48 b8 f8 ff ff ff ff ff ff ff
# expect code 48 c7 c7 f0 ff ff ff
.section .tbss,"awT",@nobits
 .p2align 3
first: .zero 8
.globl v
v: .zero 8
.text
 mov %fs:v@tpoff, %rax
 lea v@tpoff+4(%rax), %rbx
 movabs $v@tpoff, %rax
 movq $first@tpoff, %rdi
