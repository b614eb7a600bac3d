#  The GOT way to a common symbol is relaxed: it lies in the data segment, aligned as it asks.
# relaxes
# expect code 48 8d 05 19 00 40 00
# expect data 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
# oracle-flags -pie --no-dynamic-linker
.text
movq shared@GOTPCREL(%rip), %rax
.data
.byte 1
.comm shared, 32, 32
