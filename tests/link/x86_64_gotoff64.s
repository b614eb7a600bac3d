#  S + A - GOT, in both directions.
# expect code 02 00 20 00 00 00 00 00 ff ff df ff ff ff ff ff
# expect rodata 01
# expect data 07
.text
.globl start
start: .reloc ., R_X86_64_GOTOFF64, variable+2
.skip 8
.reloc ., R_X86_64_GOTOFF64, start-1
.skip 8
.section .rodata,"a"
.byte 1
.data
variable: .byte 7
