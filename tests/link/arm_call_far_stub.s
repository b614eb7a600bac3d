#  Calls out of reach go through one stub, whatever set they come from and what is called is in.
# code 0x10000
# rodata 0x60000
# define far_thumb 0x40000001
# counts 1 0 1
# expect code @0 03 00 00 eb 00 f0 04 f8
# expect rodata 01 00 00 40
# oracle none: static linkers' stubs have another form
.syntax unified
.text
.arm
 bl far_thumb
.thumb
 bl far_thumb
