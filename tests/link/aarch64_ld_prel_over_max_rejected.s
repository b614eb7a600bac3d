#  One instruction more than a literal load reaches.
# define far 0x10100004
# fails OJ_E_RANGE section=.text offset=4 relocation=R_AARCH64_LD_PREL_LO19 symbol=far
.text
 nop
 ldr x0, far
