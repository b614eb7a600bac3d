#  jmp through the GOT becomes a direct jump and a nop; its displacement counts from one byte earlier.
# relaxes
# expect code e9 02 00 00 00 90 c3 c3
# oracle-flags -pie --no-dynamic-linker
.text
jmp *here@GOTPCREL(%rip)
ret
.globl here
.hidden here
here: ret
