#  The largest distance of one byte and of two, and one in more bytes than it needs.
# assembler llvm-mc-19 -triple=riscv64-linux-gnu -mattr=+c,+relax -filetype=obj
# oracle lld
# expect rodata 7f ff 7f ff 80 00 00
.text
.globl begin, one, two
begin:
 .skip 127
one:
 .skip 0x3fff - 127
two:
 .skip 1
.section .rodata
 .reloc ., R_RISCV_SET_ULEB128, one
 .reloc ., R_RISCV_SUB_ULEB128, begin
 .byte 0
 .reloc ., R_RISCV_SET_ULEB128, two
 .reloc ., R_RISCV_SUB_ULEB128, begin
 .byte 0x80, 0
 .reloc ., R_RISCV_SET_ULEB128, one
 .reloc ., R_RISCV_SUB_ULEB128, begin
 .byte 0x80, 0x80, 0
 .byte 0
