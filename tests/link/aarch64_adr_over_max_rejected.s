#  ADR reaches 1 MiB.
# define datum 0x200000
# code 0x100000
# fails OJ_E_RANGE section=.text offset=0 relocation=R_AARCH64_ADR_PREL_LO21 symbol=datum
.text
adr x0, datum
