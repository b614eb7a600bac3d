#  An instruction does not begin inside of a word.
# fails OJ_E_RANGE section=.text offset=2 relocation=R_AARCH64_CALL26 symbol=s
# says is not aligned as the field needs it
# define s 0x10000100
# oracle none: static linkers drop the lowest bits
.text
.2byte 0
.reloc ., R_AARCH64_CALL26, s
.2byte 0, 0x9400
