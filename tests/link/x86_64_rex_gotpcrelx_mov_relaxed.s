#  mov from the GOT becomes lea where the symbol is in reach; the symbol being inside, no entry is made.
# relaxes
# expect code 48 8d 05 00 00 00 00 c3
# oracle-flags -pie --no-dynamic-linker
.text
movq here@GOTPCREL(%rip), %rax
.globl here
here: ret
