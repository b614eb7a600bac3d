#  Functions of several shapes, whose unwind entries do not share what entries have in common.
# expect code @0 c3
# oracle none: unwind tables are compared elsewhere
.globl plain, first, second, third
.text
plain:
 .cfi_startproc
 ret
 .cfi_endproc
first:
 .cfi_startproc
 .cfi_signal_frame
 nop
 ret
 .cfi_endproc
second:
 .cfi_startproc
 .cfi_return_column 15
 nop
 ret
 .cfi_endproc
third:
 .cfi_startproc
 .cfi_return_column 14
 nop
 ret
 .cfi_endproc
