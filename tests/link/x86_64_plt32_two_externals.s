#  Two stubs in the order in which the object names them, each beside the GOT entry of the same index; a symbol called twice has one.
# define one 0x7f0000000001
# define two 0x7f0000000002
# expect code e8 0b 00 00 00 e8 0e 00 00 00 e8 01 00 00 00 cc
# expect code ff 25 ea ff 1f 00 cc cc ff 25 ea ff 1f 00 cc cc
# expect rodata 01 00 00 00 00 7f 00 00 02 00 00 00 00 7f 00 00
# oracle none: static linkers have no stub
.text
call one@PLT
call two@PLT
call one@PLT
