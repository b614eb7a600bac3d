# More sections than 16 bits can count: the count, the section of names and symbols' sections are all extended.
# compilers: gcc clang-19
# flags:
        .altmacro
        .macro one n
        .section .text.f\n,"ax",@progbits
        .globl f\n
f\n:    jmp f0
        .endm
        .set i, 0
        .rept 66000
        one %i
        .set i, i + 1
        .endr
