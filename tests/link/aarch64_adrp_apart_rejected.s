#  No place reaches both.
# define far 0x123456789abcdef0
# define near 0x10001234
# fails OJ_E_RANGE
.text
 nop
 adrp x0, near
 adrp x0, far
