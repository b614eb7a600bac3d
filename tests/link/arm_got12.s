#  A load from the GOT's start on, whose offset has 12 bits.
# code 0x10000
# rodata 0x60000
# define far 0x89abcdef
# define farther 0x76543210
# oracle none: linkers do not know it
# expect rodata ef cd ab 89 10 32 54 76
# expect code 00 10 90 e5 04 20 90 e5 05 20 90 e5
.syntax unified
.text
.arm
 .reloc ., R_ARM_GOT_BREL12, far
 ldr r1, [r0]
 .reloc ., R_ARM_GOT_BREL12, farther
 ldr r2, [r0]
 .reloc ., R_ARM_GOT_BREL12, farther
 ldr r2, [r0, #1]
