#  An empty table beside one that is not.
# expect code @0 c3
# oracle none: unwind tables are compared elsewhere
.text
 .cfi_startproc
 ret
 .cfi_endproc
.section .eh_frame,"a",@unwind,unique,7
