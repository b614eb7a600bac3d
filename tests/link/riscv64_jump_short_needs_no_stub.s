#  A jump of two bytes within its function reaches no stub behind long code, and goes where it is told without one.
# code 0x10000
# expect code @0 09 a0
.text
 c.j near
near:
 ret
 .skip 8190
