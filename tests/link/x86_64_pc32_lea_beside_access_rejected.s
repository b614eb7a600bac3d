#  Where one instruction accesses the variable itself the link must be near it, and then no address is loaded.
# code 0x10000000
# define target 0x7f0000001000
# fails OJ_E_PLACEMENT
# oracle none: no other linker has a client
.text
lea target(%rip), %rax
mov target(%rip), %ecx
