#  A file's own function is named by its section and an addend: the branch that does not reach it goes to a veneer of the
#  function, and not behind one of the section.
# code 0x10000000
# rodata 0x20000000
# relaxes
# counts 1 1 1
# expect code @0 04 00 00 94 c0 03 5f d6
# expect rodata 24 00 00 18 00 00 00 00
# oracle none: static linkers' veneers have another form and stand elsewhere
.section .text.first,"ax"
 bl own
 ret
.section .text.gap,"ax"
.space 0x8000000
.section .text.far,"ax"
 nop
.type own, %function
own:
 ret
