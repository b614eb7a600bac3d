#  Parts of a distance in additions, loads and stores: what is left over for the next instruction.
# code 0x10000
# rodata 0x60000
# define far 0x76543210
# define near 0x100e0
# define mid 0x1ff00
# define wide 0xabcdf0
# expect code @0 76
.syntax unified
.text
.arm
 add r0, pc, #:pc_g0_nc:(far - 8)
 add r0, r0, #:pc_g1_nc:(far - 4)
 add r0, pc, #:pc_g0:(near - 8)
 add r0, r0, #:pc_g1:(mid)
 add r0, r0, #:pc_g2:(wide)
 ldr r0, [pc, #:pc_g0:(near - 8)]
 ldr r0, [r1, #:pc_g1:(mid)]
 str r0, [r1, #:pc_g2:(wide)]
 ldrd r0, [pc, #:pc_g0:(near)]
 ldrh r0, [r1, #:pc_g1:(mid)]
 strd r2, [r1, #:pc_g2:(wide)]
