#  Entries of the dynamic models, from the instructions that use them.
# tls
# oracle lld
# oracle-flags -shared
# oracle-compares code
# expect rodata 44 33 22 11 00 00 00 00 08 00 00 00 00 00 00 00
# expect rodata 08 f0 ff ff ff ff ff ff
# expect code @0 48 8d 3d f9 ff 1f 00
.section .tbss,"awT",@nobits
 .zero 8
.globl v
v: .zero 8
.text
 lea v@tlsgd(%rip), %rdi
 mov v@gottpoff(%rip), %rax
 add v@gottpoff(%rip), %r12
