#  Calls reach 4 GiB less a halfword.
# code 0x200000000
# rodata 0x200200000
# data 0x200400000
# define over 0x2fffffffe
# define under 0x100000006
# expect code @0 c0 e5 7f ff ff ff c0 e5 80 00 00 00
# relaxes
# oracle none: our stubs stand behind the code
.text
brasl %r14, over@PLT
brasl %r14, under@PLT
