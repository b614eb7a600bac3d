#  Entries that a lazy linker would fill are entries as others; the GOT's start, a branch prediction, markers.
# code 0x100000
# rodata 0x180000
# data 0x190000
# tls
# define far 0x123456789abcdef0
# define near 0x100234
# expect rodata 12 34 56 78 9a bc de f0
# expect code c0 10 00 04 00 00 41 10 c0 00 a7 19 00 00 e3 10 c0 00 00 71 c5 51 10 00 00 00
# expect code c0 e5 00 00 00 00 07 00
# expect data 00 00 00 00 00 00 00 00 00 00 00 00 ff fe ff f4
# oracle none: static linkers have entries of their own before these
# relaxes
.section .tbss,"awT",@nobits
.globl v
v: .long 0
.text
.reloc 2, R_390_GOTPLTENT, far + 2
larl %r1, 0
.reloc 8, R_390_GOTPLT12, far
la %r1, 0(%r12)
.reloc 12, R_390_GOTPLT16, far
lghi %r1, 0
.reloc 16, R_390_GOTPLT20, far
lay %r1, 0(%r12)
bprp 5, near, 0
.reloc ., R_390_TLS_LDCALL, v
.reloc ., R_390_NONE, far
here:
brasl %r14, here
nopr
.data
.reloc ., R_390_GOTPLT64, far
.quad 0
.reloc ., R_390_GOTPLT32, far
.long 0
.reloc ., R_390_GOTPC, far
.long 0
