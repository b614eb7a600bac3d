#  A call to what the link defines is direct, whatever the binding.
# relaxes
# counts 0 0 0
# expect code e8 03 00 00 00 eb 00 90 c3
.text
call callee@PLT
jmp local@PLT
local: nop
.globl callee
callee: ret
