#  Thread-local storage of the 31-bit ABI.
# refused OJ_E_UNSUPPORTED section=.text offset=0 relocation=R_390_TLS_LE32 symbol=s
# says the 31-bit ABI
# assembler clang-19 --target=s390x-linux-gnu -c
.text
 .reloc ., R_390_TLS_LE32, s
 .long 0
