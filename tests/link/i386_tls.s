#  Every use of a thread-local variable, and the GOT entries behind it.
# code 0x8048000
# rodata 0x8100000
# data 0x8200000
# tls
# expect code 8d 83 00 00 00 00 e8 f5 8f fb 67 8d 83 1c 00 00 00 8d 88 04 00 00 00 8b 83 18 00 00 00 a1 18 00 10 08 8d 81 04 f0 ff ff 2d fc 0f 00 00 8d 83 08 00 00 00 ff 10
# expect rodata 44 33 22 11 04 00 00 00 00 20 00 70 00 10 00 70 44 33 22 11 04 00 00 00 04 f0 ff ff 44 33 22 11 00 00 00 00
# oracle none: a static link has no dynamic variables
.section .tbss,"awT",@nobits
 .zero 4
.globl v
v: .zero 4
.text
 leal v@tlsgd(%ebx), %eax
 call ___tls_get_addr@plt
 leal v@tlsldm(%ebx), %eax
 leal v@dtpoff(%eax), %ecx
 movl v@gotntpoff(%ebx), %eax
 movl v@indntpoff, %eax
 leal v@ntpoff(%ecx), %eax
 subl $v@tpoff, %eax
 leal v@tlsdesc(%ebx), %eax
 call *v@tlscall(%eax)
