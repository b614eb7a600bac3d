#  sub takes its operand from the GOT: relaxing it would need the absolute address.
# expect code 2b 15 fa ff 1f 00 c3
# expect rodata 06 00 00 10 00 00 00 00
# oracle-flags --no-relax
.text
subl here@GOTPCREL(%rip), %edx
.globl here
.hidden here
here: ret
