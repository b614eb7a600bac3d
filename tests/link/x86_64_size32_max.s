#  Z + A = 0xffffffff in 32 bits without sign.
# expect code ff ff ff ff
# oracle ld
.text
.reloc ., R_X86_64_SIZE32, big+0
.skip 4
.globl big
.set big, 0x1234
.size big, 0xffffffff
