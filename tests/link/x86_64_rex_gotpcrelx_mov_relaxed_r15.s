#  The register of the load stays that of the lea: %r15.
# relaxes
# expect code 4c 8d 3d 00 00 00 00 c3
# oracle-flags -pie --no-dynamic-linker
.text
movq here@GOTPCREL(%rip), %r15
.hidden here
.globl here
here: ret
