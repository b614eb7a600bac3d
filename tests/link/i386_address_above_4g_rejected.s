#  An address of more than 32 bits cannot be named.
# code 0x8048000
# define far 0x100000000
# fails OJ_E_RANGE section=.text offset=1 relocation=R_386_PC32 symbol=far
# oracle none: no linker for i386 has such addresses
.text
 call far
