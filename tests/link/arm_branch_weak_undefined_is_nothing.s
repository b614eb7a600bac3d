#  A branch to a weak name that nobody defines does nothing.
# expect code @0 00 f0 20 e3 af f3 00 80
# relaxes
# oracle none: our stub stands behind the code
.syntax unified
.text
.weak nobody
.arm
 bl nobody
.thumb
 bl nobody
