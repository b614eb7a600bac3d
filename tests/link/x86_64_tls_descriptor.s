#  A descriptor, in any register; the marked call writes nothing.
# tls
# oracle lld
# oracle-flags -shared
# oracle-compares code
# expect rodata @0 00 20 00 70 00 00 00 00
# expect code 48 8d 05 f9 ff 1f 00 ff 10 4c 8d 0d f0 ff 1f 00
.section .tbss,"awT",@nobits
 .zero 8
.globl v
v: .zero 8
.text
 lea v@tlsdesc(%rip), %rax
 call *v@tlscall(%rax)
 lea v@tlsdesc(%rip), %r9
