#  An index of unwind entries is one for all threads.
# refused OJ_E_MALFORMED section=.ARM.exidx.bad
# says an index of unwind entries, and yet code or thread-local
.text
 bx lr
.section .ARM.exidx.bad,"aoT",%0x70000001,.text
 .word 0, 1
