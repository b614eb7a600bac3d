# Every relocation that both GNU's and LLVM's assembler can write. The name behind each line is what it must become;
# all lie in one section, in this order.
# flags: -Wa,-mrelax-relocations=yes
        .section .everything,"ax",@progbits
        .globl start
start:
        .quad target                            # R_X86_64_64
        .long target                            # R_X86_64_32
        .short target                           # R_X86_64_16
        .byte target                            # R_X86_64_8
        .quad target - .                        # R_X86_64_PC64
        .long target - .                        # R_X86_64_PC32
        .short target - .                       # R_X86_64_PC16
        .byte target - .                        # R_X86_64_PC8
        movq $target, %rax                      # R_X86_64_32S
        movl $target, %eax                      # R_X86_64_32
        movabsq $target, %rax                   # R_X86_64_64
        movl target(%rip), %eax                 # R_X86_64_PC32
        call target@PLT                         # R_X86_64_PLT32
        jmp target@PLT                          # R_X86_64_PLT32
        movq target@GOTPCREL(%rip), %rax        # R_X86_64_REX_GOTPCRELX
        movq target@GOTPCREL(%rip), %r12        # R_X86_64_REX_GOTPCRELX
        addq target@GOTPCREL(%rip), %rax        # R_X86_64_REX_GOTPCRELX
        movl target@GOTPCREL(%rip), %eax        # R_X86_64_GOTPCRELX
        call *target@GOTPCREL(%rip)             # R_X86_64_GOTPCRELX
        jmp *target@GOTPCREL(%rip)              # R_X86_64_GOTPCRELX
        pushq target@GOTPCREL(%rip)             # R_X86_64_GOTPCREL
        .long target@GOTPCREL                   # R_X86_64_GOTPCREL
        leaq _GLOBAL_OFFSET_TABLE_(%rip), %rbx  # R_X86_64_GOTPC32
        movabsq $_GLOBAL_OFFSET_TABLE_, %rbx    # R_X86_64_GOTPC64
        movabsq $target@GOT, %rax               # R_X86_64_GOT64
        movabsq $target@GOTOFF, %rax            # R_X86_64_GOTOFF64
        movabsq $target@PLTOFF, %rax            # R_X86_64_PLTOFF64
        .long target@SIZE                       # R_X86_64_SIZE32
        .quad target@SIZE                       # R_X86_64_SIZE64
        .long target@GOT                        # R_X86_64_GOT32
        ret
