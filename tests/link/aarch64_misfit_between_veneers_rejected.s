#  Code of more than one stretch, where branches are short enough: a field that does not fit is told all the same.
# define target 0x10000
# fails OJ_E_RANGE section=.text.second offset=4 relocation=R_AARCH64_ABS16 symbol=target
.section .text.first,"ax"
 bl second
 .skip 300
.section .text.second,"ax"
second: ret
 .reloc 4, R_AARCH64_ABS16, target
 .skip 300
