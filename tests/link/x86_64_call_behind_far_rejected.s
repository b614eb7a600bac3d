#  A call to somewhere behind a function that is out of reach: behind its stub is another's.
# define far 0x7f0012345678
# fails OJ_E_RANGE section=.text offset=6 relocation=R_X86_64_PLT32 symbol=far
# oracle none: other linkers call what stands behind the stub
.text
 call far@PLT
 call far@PLT + 8
