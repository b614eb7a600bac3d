#  Fields of 16 bits take values of either sign (AAELF64, 5.7.2); GNU ld those of one only.
# define max 0xffff
# define min 0xffffffffffff8000
# define above 0x20003
# define below 0x8006
# code 0x10000
# rodata 0x20000
# data 0x30000
# expect code ff ff 00 80 ff ff 00 80
# oracle lld
.text
 .hword max, min, above - . , below - .
