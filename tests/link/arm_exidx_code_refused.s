#  An index of unwind entries is no code, which others could be linked to.
# refused OJ_E_MALFORMED section=.ARM.exidx.bad
# says an index of unwind entries, and yet code or thread-local
.text
 bx lr
.section .ARM.exidx.bad,"axo",%0x70000001,.text
 .word 0, 1
