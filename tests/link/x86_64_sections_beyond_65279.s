#  70,000 sections: more than 16-bit section numbers say, so that the extended tables are used. The last refers to the first and to its neighbour.
# code 0x10000000
# expect code @0 00 00 00 00 fc ff ff ff fc ff ff ff
# expect code @279996 fc ff ff ff 40 ba fb ff
.macro one number, previous
.section .text.f\number,"ax"
f\number: .long f\previous-.
.endm
.altmacro
.set number, 0
.section .text.f0,"ax"
f0: .long f0-.
.rept 69999
.set previous, number
.set number, number+1
one %number, %previous
.endr
.long f0-.
