#  Calls to hidden, internal and protected functions are direct.
# relaxes
# expect code e8 0a 00 00 00 e8 06 00 00 00 e8 02 00 00 00 c3 c3 c3
.text
call a@PLT
call b@PLT
call c@PLT
a: ret
.globl a, b, c
.hidden a
.internal b
.protected c
b: ret
c: ret
