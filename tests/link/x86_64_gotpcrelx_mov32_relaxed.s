#  The 32-bit load without REX is relaxed as well.
# relaxes
# expect code 8d 05 00 00 00 00 c3
# oracle-flags -pie --no-dynamic-linker
.text
movl here@GOTPCREL(%rip), %eax
.globl here
.hidden here
here: ret
