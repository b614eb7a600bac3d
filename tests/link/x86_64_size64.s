#  Z + A in 64 bits.
# expect code fe ff ff ff ff ff ff ff 90 90 90 90 90
.text
.reloc ., R_X86_64_SIZE64, small-7
.skip 8
small: .fill 5, 1, 0x90
.size small, 5
