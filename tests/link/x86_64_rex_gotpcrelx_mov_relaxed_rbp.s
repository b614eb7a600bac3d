#  The register of the load stays that of the lea: %rbp.
# relaxes
# expect code 48 8d 2d 00 00 00 00 c3
# oracle-flags -pie --no-dynamic-linker
.text
movq here@GOTPCREL(%rip), %rbp
.hidden here
.globl here
here: ret
