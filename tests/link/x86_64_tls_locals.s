#  Local variables have entries of their own, and what nobody defines has the address 0.
# tls
# oracle none: a static link has no dynamic variables
# expect rodata @0 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
# expect rodata @24 44 33 22 11 00 00 00 00 00 00 00 00 00 00 00 00 08 f0 ff ff ff ff ff ff
.section .tbss,"awT",@nobits
a: .zero 8
b: .zero 8
c: .zero 8
d: .zero 8
e: .zero 8
f: .zero 8
.weak w1, w2, w3
.text
 lea a@tlsgd(%rip), %rdi
 mov b@gottpoff(%rip), %rax
 lea c@tlsgd(%rip), %rdi
 mov d@gottpoff(%rip), %rax
 lea e@tlsgd(%rip), %rdi
 mov f@gottpoff(%rip), %rax
 mov w1@gottpoff(%rip), %rax
 mov w2@gottpoff(%rip), %rax
 mov w3@gottpoff(%rip), %rax
