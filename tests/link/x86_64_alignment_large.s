#  A section alignment beyond a page is kept in the layout.
# expect code @0 c3 cc
# expect code @0x2000 90 c3
.text
ret
.section .text.a,"ax"
.balign 8192
nop
ret
