#  Compact relocations, as LLVM writes them on request, in a file of the other byte order.
# assembler clang-19 --target=s390x-linux-gnu -c -Wa,--crel,--allow-experimental-crel
# oracle none: GNU ld does not know them
# define near 0x10000800
# expect code c0 10 00 00 04 08 c4 28 00 00 03 fd
# expect data 00 00 00 00 10 00 00 00 00 00 00 00 10 00 07 ff ff c0 07 f0
.text
start: larl %r1, near + 16
 lgrl %r2, near
.data
 .quad start, near - 1
 .long near - .
