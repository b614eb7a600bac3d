#  A branch to a weak name that nobody defines goes to the next instruction.
# oracle none: our stub stands behind the code
# expect code @0 01 00 00 94 01 00 00 14
# relaxes
.text
.weak nobody
bl nobody
b nobody
