#  Each of 300 sections refers to the one before it.
# expect code @0 00 00 00 00 c3 cc cc cc f8 ff ff ff c3
# expect code @0x958 f8 ff ff ff c3
.macro one number, previous
.section .text.f\number,"ax"
.balign 8
f\number: .long f\previous-.
ret
.endm
.altmacro
.set number, 0
.section .text.f0,"ax"
.balign 8
f0: .long f0-.
ret
.rept 299
.set previous, number
.set number, number+1
one %number, %previous
.endr
