#  A call to somewhere behind a function that is out of reach: behind its stub is another's.
# define far 0x7f0012345678
# fails OJ_E_RANGE section=.text offset=8 relocation=R_390_PLT32DBL symbol=far
# oracle none: other linkers call what stands behind the stub
.text
 brasl %r14, far@PLT
 brasl %r14, far@PLT + 8
