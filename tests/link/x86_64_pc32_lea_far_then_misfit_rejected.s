#  The relocation that does not fit is told, behind others that became loads.
# code 0x10000000
# rodata 0x10200000
# define target 0x7f0000001000
# fails OJ_E_RANGE section=.text offset=24 relocation=R_X86_64_16
# oracle none: they have variables copied, or refuse
.text
lea target(%rip), %rax
lea target(%rip), %rbx
mov $.text, %ecx
mov $2, %edx
.reloc 24, R_X86_64_16, .text+0x10000
.2byte 0
