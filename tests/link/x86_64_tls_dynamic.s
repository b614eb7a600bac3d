#  General-dynamic, local-dynamic, initial-exec and descriptors of one variable, and the GOT entries behind them.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# tls
# oracle none: a static link has no dynamic variables
# relaxes
# expect code 66 48 8d 3d 00 00 20 00 66 66 48 e8 f0 0f 00 60 48 8d 3d 29 00 20 00 48 8d 88 04 00 00 00
# expect code 48 b9 04 00 00 00 00 00 00 00 48 8b 05 09 00 20 00 48 8d 05 e2 ff 1f 00 ff 10
# expect code ff 25 c2 ff 1f 00 cc cc
# expect rodata 00 10 00 70 00 00 00 00 44 33 22 11 00 00 00 00 04 00 00 00 00 00 00 00
# expect rodata 00 20 00 70 00 00 00 00 00 10 00 70 00 00 00 00 44 33 22 11 00 00 00 00 04 00 00 00 00 00 00 00
# expect rodata 04 f0 ff ff ff ff ff ff 44 33 22 11 00 00 00 00 00 00 00 00 00 00 00 00
.section .tdata,"awT",@progbits
.long 7
.globl v
v: .long 8
.text
.byte 0x66
lea v@tlsgd(%rip), %rdi
.value 0x6666
rex64
call __tls_get_addr@plt
lea v@tlsld(%rip), %rdi
lea v@dtpoff(%rax), %rcx
movabs $v@dtpoff, %rcx
mov v@gottpoff(%rip), %rax
lea v@tlsdesc(%rip), %rax
call *v@tlscall(%rax)
