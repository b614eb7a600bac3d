#  Every relocation of 32 bits that an assembler writes and two linkers agree on, without marks to shrink by.
# code 0x10000
# rodata 0x20000
# data 0x30000
# define far 0x12345678
# define high 0xffff8765
# define low 0x80001800
# define small 0x7e
# define near 0x10018
# expect code @0 37 55 34 12
# oracle-flags --no-relax
.option norelax
.text
start:
 lui a0, %hi(far)
 addi a0, a0, %lo(far)
 lw a1, %lo(far)(a0)
 sw a1, %lo(far)(a0)
 lui a0, %hi(high)
 addi a0, a0, %lo(high)
 lui a0, %hi(low)
 sb a1, %lo(low)(a0)
1: auipc a0, %pcrel_hi(datum)
 addi a0, a0, %pcrel_lo(1b)
 lw a1, %pcrel_lo(1b)(a0)
 sw a1, %pcrel_lo(1b)(a0)
2: auipc a2, %pcrel_hi(far + 0x800)
 sw a1, %pcrel_lo(2b)(a2)
 call local
 tail local
 jal local
 jal x0, start
 beq a0, a1, local
 bltu a0, a1, start
 c.j local
 c.beqz a0, local
 c.bnez a0, start
 .p2align 2
.section .text.second,"ax"
 .global local
local:
 ret
 .byte 0, 0
 .4byte datum - .
.section .rodata
 .4byte 7
 .4byte local - start, 0
 .byte end - begin
 .2byte end - begin
 .p2align 3
 .4byte end - begin
.section .text.third,"ax"
begin:
 nop
 .option relax
 nop
 .option norelax
 nop
end:
 nop
.data
 .4byte 1
 .global datum
datum:
 .4byte datum, local, far + 1, start - 1
 .4byte far, small
 .2byte 0, 0, 0, 0
