#  A number between those that are known means nothing.
# refused OJ_E_UNSUPPORTED
.text
nop
.reloc 0, R_AARCH64_TLSGD_ADR_PREL21, x
