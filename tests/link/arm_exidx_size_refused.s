#  An index of unwind entries is made of whole ones.
# refused OJ_E_MALFORMED section=.ARM.exidx.bad
# says is no array of entries of 8 bytes
.text
code: .word 0
.section .ARM.exidx.bad,"ao",%0x70000001,code
 .word 0, 1, 0
