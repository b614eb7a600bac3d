#  A descriptor's function and its argument, of 32 bits.
# tls
# assembler llvm-mc-19 -triple=riscv32-linux-gnu -filetype=obj
# oracle lld
# oracle-flags -shared --no-relax
# oracle-got 4
# oracle-compares code
# expect rodata @0 00 20 00 70 
# expect code 17 05 20 00 83 25 05 00 13 05 05 00 e7 82 05 00 33 05 45 00
.section .tbss,"awT",@nobits
 .p2align 3
 .zero 8
.globl v
v: .zero 8
.text
1: auipc a0, %tlsdesc_hi(v)
 lw a1, %tlsdesc_load_lo(1b)(a0)
 addi a0, a0, %tlsdesc_add_lo(1b)
 jalr t0, 0(a1), %tlsdesc_call(1b)
 add a0, a0, tp
