#  What compilers write for __tls_get_addr() without a PLT stays a load, in reach or not: as a direct call behind addr32
#  it would be data16 call, which is one of 16 bits on some processors.
# code 0x10000
# rodata 0x20000
# define near 0x12345
# expect code 66 48 ff 15 f8 ff 00 00 66 48 ff 15 f8 ff 00 00 c3
# expect rodata 45 23 01 00 00 00 00 00 10 00 01 00 00 00 00 00
# oracle none: they call directly, and know that name only in the dynamic linker
.text
data16
rex64
call *near@GOTPCREL(%rip)
data16
rex64
call *own@GOTPCREL(%rip)
own:
 ret
