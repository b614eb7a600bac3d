#  A call leads to an even address, through a stub too.
# fails OJ_E_RANGE section=.text offset=0 relocation=R_RISCV_CALL_PLT symbol=odd
# says is not aligned as the field needs it
# define odd 0x7f0012345677
# oracle none: static linkers let JALR drop the lowest bit
.option norelax
.text
call odd
