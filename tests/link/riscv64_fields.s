#  Fields that are added to, subtracted from and set, in the way of unwind tables; and what assemblers seldom write.
# code 0x10000
# rodata 0x20000
# data 0x30000
# define six 0xffd5
# oracle-flags --no-relax
# relaxes
# expect code @0 97 00 00 00 e7 80 00 02
# relaxes
.option norelax
.text
start:
 .reloc ., R_RISCV_CALL, local
 auipc ra, 0
 jalr ra, ra, 0
 .reloc ., R_RISCV_RVC_JUMP, local
 .2byte 0xa001
 .reloc ., R_RISCV_NONE, start
 c.nop
 .reloc ., R_RISCV_RVC_JUMP, start
 .2byte 0xa001
 c.nop
 .reloc ., R_RISCV_32_PCREL, datum
 .4byte 0
 .p2align 5
.globl local
local:
 ret
 c.nop
.section .rodata
 .reloc ., R_RISCV_SET6, six
 .byte 0xc0
 .reloc ., R_RISCV_SUB6, six
 .byte 0xc0
 .reloc ., R_RISCV_SET8, local
 .reloc ., R_RISCV_SUB8, start
 .byte 0
 .byte 0
 .reloc ., R_RISCV_SET16, local
 .reloc ., R_RISCV_SUB16, start
 .2byte 0x7777
 .reloc ., R_RISCV_SET32, local
 .reloc ., R_RISCV_SUB32, start
 .2byte 0x7777, 0x7777
 .2byte 0
 .8byte 0
.data
 .8byte 0
datum:
 .4byte 1
