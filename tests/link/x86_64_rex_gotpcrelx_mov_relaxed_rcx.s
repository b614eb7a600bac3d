#  The register of the load stays that of the lea: %rcx.
# relaxes
# expect code 48 8d 0d 00 00 00 00 c3
# oracle-flags -pie --no-dynamic-linker
.text
movq here@GOTPCREL(%rip), %rcx
.hidden here
.globl here
here: ret
