#  A PC-relative reference to an external pulls the link to it, with 16 MiB kept for addends; a client that places the code further away is told so.
# code 0x10000000
# define target 0x8f000008
# fails OJ_E_PLACEMENT
# oracle none: no other linker has a client
.text
.reloc ., R_X86_64_PC32, target-4
.skip 4
