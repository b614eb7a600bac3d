#  call through the GOT becomes a direct call with a prefix that fills the sixth byte.
# relaxes
# expect code 67 e8 01 00 00 00 c3 c3
# oracle-flags -pie --no-dynamic-linker
.text
call *here@GOTPCREL(%rip)
ret
.globl here
.hidden here
here: ret
