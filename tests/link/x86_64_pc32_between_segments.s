#  A reference from code to data, read-only data and code, and back.
# expect code 8b 05 fe ff 3f 00 8b 05 f4 ff 1f 00 e8 ef ff ff ff
# expect rodata 00 00 e0 ff
# expect data 00 00 00 00 02 00 c0 ff
.text
start: movl variable(%rip), %eax
middle: movl constant(%rip), %eax
.byte 0xe8
.reloc ., R_X86_64_PC32, start-4
.skip 4
.section .rodata,"a"
constant: .long start-.
.data
.long 0
variable: .long middle-.
