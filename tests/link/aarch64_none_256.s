#  The number that R_AARCH64_NONE had before it was 0.
# expect code 1f 20 03 d5
# oracle none: ld.lld does not know it, and GNU ld only in name
.text
 .reloc ., R_AARCH64_NULL, 0
 nop
