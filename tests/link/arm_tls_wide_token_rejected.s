#  What a client says of its block must fit the entry it is written to.
# tls 0x100000000 0
# fails OJ_E_RANGE
# says wider than
# oracle none: they know no tokens
.section .tbss,"awT",%nobits
v: .zero 4
.text
 .word v(tlsgd)
