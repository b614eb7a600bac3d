#  Weak names that nobody defines are at address 0.
# expect data 00 00 00 00 00 00 00 00 07 00 00 00 00 00 00 00 00 00 00 00
.data
.weak nobody
.quad nobody
.quad nobody+7
.long nobody
