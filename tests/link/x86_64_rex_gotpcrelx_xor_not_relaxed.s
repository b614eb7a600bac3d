#  xor takes its operand from the GOT: relaxing it would need the absolute address.
# expect code 4c 33 0d f9 ff 1f 00 c3
# expect rodata 07 00 00 10 00 00 00 00
# oracle-flags --no-relax
.text
xorq here@GOTPCREL(%rip), %r9
.globl here
.hidden here
here: ret
