#  test takes its operand from the GOT: relaxing it would need the absolute address.
# expect code 48 85 05 f9 ff 1f 00 c3
# expect rodata 07 00 00 10 00 00 00 00
# oracle-flags --no-relax
.text
testq %rax, here@GOTPCREL(%rip)
.globl here
.hidden here
here: ret
