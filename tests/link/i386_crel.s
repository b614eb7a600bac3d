#  Compact relocations, as LLVM writes them on request: addends are there and not in the fields, which hold nothing.
# assembler clang-19 --target=i386-linux-gnu -c -Wa,--crel,--allow-experimental-crel
# oracle none: GNU ld does not know them, nor ld.lld of LLVM 14
# define far 0x40000000
# expect code @0 e8 fb ff ff 2f b8 10 00 00 40 e9 ef ff ff 2f
# expect data 00 00 00 10 fc ff bf 2f ff ff ff 3f
.text
start: call far
 mov $far + 16, %eax
 jmp far - 2
.data
 .long start, far - ., far - 1
