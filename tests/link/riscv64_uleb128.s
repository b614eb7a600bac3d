#  Distances in ULEB128 over code that may shrink: as many bytes as the assembler left.
# assembler llvm-mc-19 -triple=riscv64-linux-gnu -mattr=+c,+relax -filetype=obj
# oracle lld
# relaxes
# expect rodata 0a 8e 02 80 00
.text
.globl begin
begin:
 c.nop
 c.nop
end:
 nop
 call begin
last:
 .fill 130, 2, 1
final:
.section .rodata
 .uleb128 last - begin
 .uleb128 final - begin
 .reloc ., R_RISCV_SET_ULEB128, begin
 .reloc ., R_RISCV_SUB_ULEB128, begin
 .byte 0x80, 0
