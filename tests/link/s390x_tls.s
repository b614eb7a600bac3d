#  General-dynamic, local-dynamic, initial-exec and local-exec of one variable, and the GOT entries behind them.
# code 0x10000000
# rodata 0x10200000
# data 0x10400000
# tls
# oracle none: a static link has no dynamic variables
# relaxes
# expect code c0 c0 00 10 00 00 c0 10 00 10 00 09 e3 10 10 00 00 04 c0 e5 30 00 07 f7 41 10 c0 18 e3 10 c0 18 00 71
# expect code 07 07 00 00 00 00 c4 18 00 0f ff ec 07 f1
# expect rodata 00 00 00 00 70 00 10 00
# expect rodata 00 00 00 00 11 22 33 44 00 00 00 00 00 00 00 04 ff ff ff ff ff ff f0 04
# expect rodata 00 00 00 00 11 22 33 44 00 00 00 00 00 00 00 00
# expect data 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00 20 00 00 00 00 00 00 00 04 ff ff ff ff ff ff f0 04
# expect data 00 00 00 00 00 00 00 18 00 00 00 00 10 20 00 18
.section .tdata,"awT",@progbits
.long 7
.globl v
v: .long 8
.text
larl %r12, _GLOBAL_OFFSET_TABLE_
larl %r1, v@INDNTPOFF
lg %r1, 0(%r1):tls_load:v
brasl %r14, __tls_get_offset@PLT:tls_gdcall:v
la %r1, v@GOTNTPOFF(%r12)
lay %r1, v@GOTNTPOFF(%r12)
.data
.quad v@TLSGD, v@TLSLDM, v@DTPOFF, v@NTPOFF
.reloc ., R_390_TLS_GOTIE64, v
.quad 0
.quad v@INDNTPOFF
