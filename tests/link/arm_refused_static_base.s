#  GNU/Linux has no static base.
# refused OJ_E_UNSUPPORTED section=.text offset=0 relocation=R_ARM_SBREL32 symbol=s
# says a static base
.text
 .reloc ., R_ARM_SBREL32, s
 .word 0
