#  Longer prefixes have numbers of their own for the same fields: loads stay loads, whichever model they are of.
# define far 0x123456789abcdef0
# assembler llvm-mc-22 -triple=x86_64-linux-gnu -filetype=obj
# tls
# relaxes
# oracle none: neither linker knows the numbers
# expect code d5 48 8b 05 f8 ff 1f 00 d5 48 8b 25 18 00 20 00 d5 48 8d 05 f0 ff 1f 00
# expect code 62 74 b4 18 03 05 06 00 20 00 ff 10 cc cc cc cc
# expect rodata f0 de bc 9a 78 56 34 12
# expect rodata 00 20 00 70 00 00 00 00 00 10 00 70 00 00 00 00 44 33 22 11 00 00 00 00 04 00 00 00 00 00 00 00
# expect rodata 04 f0 ff ff ff ff ff ff
.section .tbss,"awT",@nobits
 .zero 4
.globl v
v: .zero 4
.text
 movq far@GOTPCREL(%rip), %r16
 movq v@gottpoff(%rip), %r20
 leaq v@tlsdesc(%rip), %r16
 addq v@gottpoff(%rip), %r8, %r9
 call *v@tlscall(%rax)
