#  Gaps between code sections hold traps.
# expect code c3 cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc c3 cc cc cc c3
# oracle-flags -z noseparate-code
.text
ret
.section .text.a,"ax"
.p2align 4
ret
.section .text.b,"ax"
.balign 4, 0x90
ret
