#  Branches and loads of 16-bit instructions, at what they reach at most.
# code 0x10000
# rodata 0x60000
# define forward 0x10802
# define backward 0xf806
# define some 0x10106
# define some_back 0xff0a
# define literal 0x10408
# expect code ff e3 00 e4 7f d0 80 d0 ff 49 00 bf
.syntax unified
.text
.thumb
 .reloc ., R_ARM_THM_JUMP11, forward
 .2byte 0xe7fe
 .reloc ., R_ARM_THM_JUMP11, backward
 .2byte 0xe7fe
 .reloc ., R_ARM_THM_JUMP8, some
 .2byte 0xd0fe
 .reloc ., R_ARM_THM_JUMP8, some_back
 .2byte 0xd0fe
 .reloc ., R_ARM_THM_PC8, literal
 .2byte 0x49ff
 nop
