#  A call out of reach goes through a stub behind the code, which jumps through the first GOT entry; one without @PLT
#  too, as code that is not PIC has them.
# define far 0x7f0012345678
# counts 1 0 1
# expect code c0 e5 00 00 00 0c c0 e5 00 00 00 09 c0 f4 00 00 00 06 07 07 00 00 00 00
# expect code c4 18 00 0f ff f4 07 f1
# expect rodata 00 00 7f 00 12 34 56 78
# oracle none: static linkers make no stubs
.text
brasl %r14, far@PLT
brasl %r14, far
jg far
