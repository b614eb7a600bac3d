#  A sign-extended absolute reference to an external in the top 2 GiB.
# define kernel 0xffffffff80000010
# expect code 48 c7 c0 10 00 00 80
.text
movq $kernel, %rax
