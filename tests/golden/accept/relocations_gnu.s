# Relocations that only GNU's assembler writes.
# compilers: gcc
# flags:
        .section .everything,"ax",@progbits
        .quad target@GOTPCREL                   # R_X86_64_GOTPCREL64
        movabsq $target@GOTPLT, %rax            # R_X86_64_GOTPLT64
        movq target@GOT(%rbx), %rax             # R_X86_64_GOT32
