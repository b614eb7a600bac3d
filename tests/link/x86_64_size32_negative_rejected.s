#  Z + A = 0xffffffffffffffff in 32 bits without sign.
# fails OJ_E_RANGE section=.text offset=0 relocation=R_X86_64_SIZE32 symbol=big
# oracle ld
.text
.reloc ., R_X86_64_SIZE32, big-2
.skip 4
.globl big
.set big, 0x1234
.size big, 0x1
