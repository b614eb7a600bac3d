#  The entry of a whole block, and offsets in it in every field.
# tls
# oracle lld
# oracle-flags -shared
# oracle-compares code
# expect rodata 44 33 22 11 00 00 00 00 00 00 00 00 00 00 00 00
# expect code @0 48 8d 3d f9 ff 1f 00
.section .tbss,"awT",@nobits
 .zero 8
.globl v
v: .zero 8
.text
 lea v@tlsld(%rip), %rdi
 lea v@dtpoff(%rax), %rcx
 lea v@dtpoff+4(%rax), %r10
 movabs $v@dtpoff, %rcx
