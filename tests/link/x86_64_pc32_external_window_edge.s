#  The lowest address of that window.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# define target 0x8f000000
# expect code fc ff ff 7e
.text
.reloc ., R_X86_64_PC32, target-4
.skip 4
