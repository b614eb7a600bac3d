#  A pointer that is to be signed, which would be taken for an unsigned one.
# refused OJ_E_UNSUPPORTED section=.data offset=0 relocation=R_AARCH64_AUTH_ABS64 symbol=s
# says signed as a program is loaded
# assembler clang-19 --target=aarch64-linux-gnu -c
.data
 .xword s@AUTH(da,42)
