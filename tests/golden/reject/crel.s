# Compressed relocations, which LLVM 20 and later can write.
# compilers: clang-22
# flags: -Wa,--crel,--allow-experimental-crel
# expect: OJ_E_UNSUPPORTED SHT_CREL
        .data
        .quad target
