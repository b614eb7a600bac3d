#  An index of unwind entries is for a section of code.
# refused OJ_E_MALFORMED section=.ARM.exidx.bad
# says is not linked to a section of code
.data
datum: .word 0
.section .ARM.exidx.bad,"ao",%0x70000001,datum
 .word 0, 1
