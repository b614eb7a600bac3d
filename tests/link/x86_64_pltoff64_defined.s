#  L + A - GOT of a function of the link.
# expect code 90 90 03 00 e0 ff ff ff ff ff
# expect rodata 01
.text
.globl start
start: nop
nop
.reloc ., R_X86_64_PLTOFF64, start+3
.skip 8
.section .rodata,"a"
.byte 1
