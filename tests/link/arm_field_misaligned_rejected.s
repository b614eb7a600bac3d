#  A branch instruction does not begin inside of a word.
# fails OJ_E_RANGE section=.text offset=2 relocation=R_ARM_JUMP24 symbol=s
# says is not aligned as the field needs it
# define s 0x10000100
# oracle none: other linkers drop the lowest bits
.syntax unified
.text
.arm
 .2byte 0
 .reloc ., R_ARM_JUMP24, s
 .2byte 0xfffe, 0xeaff
