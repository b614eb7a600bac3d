#  S + A in 64 bits takes every value, and wraps as the addition of the processor does.
# define high 0xfedcba9876543210
# define low 1
# expect data 21 32 54 76 98 ba dc fe fc ff ff ff ff ff ff ff 01 00 00 00 00 00 00 80
.data
.quad high+0x11
.quad low-5
.quad low-0x8000000000000000
