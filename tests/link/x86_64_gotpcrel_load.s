#  GOTPCREL without X is never relaxed.
# define far 0x7f0012345678
# expect code 48 8b 05 f9 ff 1f 00
# expect rodata 78 56 34 12 00 7f 00 00
# oracle-flags --no-relax
.text
.byte 0x48, 0x8b, 0x05
.reloc ., R_X86_64_GOTPCREL, far-4
.skip 4
