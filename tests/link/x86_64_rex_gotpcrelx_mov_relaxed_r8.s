#  The register of the load stays that of the lea: %r8.
# relaxes
# expect code 4c 8d 05 00 00 00 00 c3
# oracle-flags -pie --no-dynamic-linker
.text
movq here@GOTPCREL(%rip), %r8
.hidden here
.globl here
here: ret
