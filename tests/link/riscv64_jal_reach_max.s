#  The farthest instruction before and behind that jal reaches, and c.j.
# oracle-flags --no-relax
# relaxes
# expect code @0 01 a0
# expect code @0x100000 ef 00 00 80 6f f0 ff 7f 01 b0 fd af
.option norelax
.text
first:
 c.j first
 .skip 0x100000 - 2
 .reloc ., R_RISCV_JAL, first
 .4byte 0x000000ef
 .reloc ., R_RISCV_JAL, last
 .4byte 0x0000006f
here:
 .reloc ., R_RISCV_RVC_JUMP, here - 0x800
 .2byte 0xa001
 .reloc ., R_RISCV_RVC_JUMP, here + 0x800
 .2byte 0xa001
 .skip 0x100004 - 12 + 0xffffe - 0x100000
last:
 c.nop
