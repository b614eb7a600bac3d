#  Data that counts from itself to an entry and to a function, as unwind tables and relative tables have it.
# code 0x10000000
# rodata 0x10080000
# data 0x10090000
# define far 0x123456789abcdef0
# assembler llvm-mc-19 -triple=riscv64-linux-gnu -filetype=obj
# oracle lld
# oracle-got 8
# oracle-compares code
# relaxes
# expect rodata f0 de bc 9a 78 56 34 12
# expect code 00 00 08 00 04 00 08 00 f8 ff ff ff fc ff ff ff
# relaxes
.text
.globl start
start:
 .reloc ., R_RISCV_GOT32_PCREL, far
 .word 0
 .reloc ., R_RISCV_GOT32_PCREL, far + 8
 .word 0
 .reloc ., R_RISCV_PLT32, start
 .word 0
 .reloc ., R_RISCV_PLT32, start + 8
 .word 0
