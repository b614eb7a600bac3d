#  Code is bounded as data is. Where sections are placed singly there is no place for all of it: a status then.
# code 0x10000000
# expect code 48 8d 05 00 00 00 00 90 90 cc cc cc cc cc cc cc
# oracle none: linkers join such sections into one of their own
.text
lea __start_mixed(%rip), %rax
.section mixed,"ax",@progbits,unique,1
nop
.section mixed,"ax",@progbits,unique,2
nop
