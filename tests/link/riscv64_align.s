#  Surplus nops go, and what lies behind moves: labels, relocations, distances, sizes.
# expect code @0 05 45 01 00 13 00 00 00 13 05 20 00 01 00 13 00 00 00
# oracle ld
.text
 .globl start, behind
start:
 addi a0, x0, 1
 c.nop
 .p2align 3
 .option norvc
 addi a0, x0, 2
 .option rvc
 c.nop
 .p2align 5
behind:
 call start
 lui a1, %hi(behind)
 addi a1, a1, %lo(behind)
 beqz a0, behind
 .p2align 4
end:
 ret
 .size start, . - start
.data
 .8byte behind, end
 .4byte end - start
 .byte end - behind
