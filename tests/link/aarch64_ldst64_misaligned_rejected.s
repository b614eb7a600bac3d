#  The field of an access of 8 bytes holds multiples of 8.
# fails OJ_E_RANGE section=.text offset=4 relocation=R_AARCH64_LDST64_ABS_LO12_NC symbol=datum
# says is not aligned as the field needs it
.text
nop
ldr x0, [x1, :lo12:datum]
.data
.byte 0
.global datum
datum:
.xword 0
