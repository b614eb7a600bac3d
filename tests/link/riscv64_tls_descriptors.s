#  A descriptor's function and its argument; the marked call writes nothing.
# tls
# assembler llvm-mc-19 -triple=riscv64-linux-gnu -mattr=+c -filetype=obj
# oracle lld
# oracle-flags -shared --no-relax
# oracle-got 8
# oracle-compares code
# expect rodata @0 00 20 00 70 00 00 00 00
# expect code 17 05 20 00 83 35 05 00 13 05 05 00 e7 82 05 00 12 95
.section .tbss,"awT",@nobits
 .p2align 3
 .zero 8
.globl v
v: .zero 8
.text
1: auipc a0, %tlsdesc_hi(v)
 ld a1, %tlsdesc_load_lo(1b)(a0)
 addi a0, a0, %tlsdesc_add_lo(1b)
 jalr t0, 0(a1), %tlsdesc_call(1b)
 add a0, a0, tp
