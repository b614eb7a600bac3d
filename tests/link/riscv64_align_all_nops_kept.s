#  Where an alignment needs all its nops they stay as the assembler wrote them, the short one first; where some are cut
#  those left are written anew, the short one last.
# relaxes
# expect code @0 05 05 01 00 13 00 00 00 05 05 13 00 00 00 01 00 05 05
.text
 addi a0, a0, 1
 .p2align 3
 addi a0, a0, 1
 .p2align 4
 addi a0, a0, 1
