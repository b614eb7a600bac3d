#  Compact relocations, as LLVM writes them on request: for ARM the addends of branches do not count how far the PC is
#  ahead, so that they would go 8 bytes too far.
# assembler clang-19 --target=arm-linux-gnueabihf -c -Wa,--crel,--allow-experimental-crel
# define far 0x40000000
# refused OJ_E_UNSUPPORTED
# says SHT_CREL
.text
 bl far
