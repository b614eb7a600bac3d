#  A section of a shared group and one that is linked once are taken where nobody had them before.
# code 0x10000000
# oracle none: the script names no .gnu.linkonce
# expect code 90 cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc c3 cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc f4 cc cc cc cc cc cc cc
.text
nop
.section .text.f,"axG",@progbits,f,comdat
.p2align 4
.weak f
f: ret
.section .gnu.linkonce.t.g,"ax",@progbits
.p2align 4
.weak g
g: hlt
