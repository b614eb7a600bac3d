#  A distance in a field that no assembler makes so long.
# fails OJ_E_RANGE section=.rodata offset=1 relocation=R_RISCV_SET_ULEB128
# assembler llvm-mc-19 -triple=riscv64-linux-gnu -mattr=+c,+relax -filetype=obj
# oracle none: linkers walk it to its end
.text
.globl begin, end
begin:
 .skip 128
end:
.section .rodata
 .byte 1
 .reloc ., R_RISCV_SET_ULEB128, end
 .reloc ., R_RISCV_SUB_ULEB128, begin
 .fill 64, 1, 0x80
 .byte 0
