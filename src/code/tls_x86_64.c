/* Thread-local storage on x86-64: the thread pointer, and what TLS descriptors call. */
#include "code/tls.h"

#include <cpuid.h>

/* psABI, "Thread-Local Storage": the word at the thread pointer is the thread pointer. */
uint64_t oji_tls_thread_pointer(void)
{
    uint64_t pointer;
    __asm__("movq %%fs:0, %0" : "=r"(pointer));
    return pointer;
}

/* EM_X86_64, R_X86_64_TPOFF64 */
const oji_tls_numbers *oji_tls_relocation_numbers(void)
{
    static const oji_tls_numbers numbers = {.machine = 62, .pointer = 18};
    return &numbers;
}

/* Read by the assembler part. */
extern uint8_t oji_tls_has_xsave __attribute__((visibility("hidden")));
uint8_t oji_tls_has_xsave;

/* OSXSAVE: the system has enabled xsave (Intel SDM volume 1, 13.2). Every caller stores the same value. */
uint64_t oji_tls_descriptor_addr(void)
{
    unsigned a, b, c, d;
    bool has = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE);
    __atomic_store_n(&oji_tls_has_xsave, has, __ATOMIC_RELAXED);
    return (uint64_t)(uintptr_t)oji_tls_descriptor;
}

/* TLS descriptors (Oliva and de Assis, "RFC-TLSDESC-x86"): %rax points at the descriptor, the result is the variable's
 * distance from the thread pointer in %rax, and every other register is kept, vectors included. The descriptor's words:
 * this, the function that gives addresses, and the index to call it with.
 *
 * What this library's own function would answer from the thread's vector is done here. For all else the function is
 * called, with all state that it may use saved: mask 0xe7 is x87, SSE, AVX and AVX-512, 2,688 bytes in the standard
 * format at most; the header at 512 must be zero for xrstor. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl oji_tls_descriptor\n"
        ".hidden oji_tls_descriptor\n"
        ".type oji_tls_descriptor, @function\n"
        "oji_tls_descriptor:\n"
        ".cfi_startproc\n"
        "endbr64\n"
        "pushq %rcx\n"
        ".cfi_adjust_cfa_offset 8\n"
        "pushq %rdx\n"
        ".cfi_adjust_cfa_offset 8\n"
        "leaq oji_tls_get_addr(%rip), %rdx\n"
        "cmpq %rdx, 8(%rax)\n"
        "jne 1f\n"
        "movq 16(%rax), %rcx\n"
        "btrq $63, %rcx\n"
        "jnc 1f\n"
        "movq oji_tls_this_thread@gottpoff(%rip), %rdx\n"
        "cmpq %rcx, %fs:8(%rdx)\n"
        "jbe 1f\n"
        "movq %fs:(%rdx), %rdx\n"
        "movq (%rdx,%rcx,8), %rdx\n"
        "testq %rdx, %rdx\n"
        "jz 1f\n"
        "addq 24(%rax), %rdx\n"
        "movq %rdx, %rax\n"
        "subq %fs:0, %rax\n"
        "popq %rdx\n"
        ".cfi_remember_state\n"
        ".cfi_adjust_cfa_offset -8\n"
        "popq %rcx\n"
        ".cfi_adjust_cfa_offset -8\n"
        "ret\n"
        "1:\n"
        ".cfi_restore_state\n"
        "pushq %rbp\n"
        ".cfi_adjust_cfa_offset 8\n"
        ".cfi_rel_offset %rbp, 0\n"
        "movq %rsp, %rbp\n"
        ".cfi_def_cfa_register %rbp\n"
        "pushq %rdi\n"
        "pushq %rsi\n"
        "pushq %r8\n"
        "pushq %r9\n"
        "pushq %r10\n"
        "pushq %r11\n"
        "pushq %rax\n"
        "subq $2816, %rsp\n"
        "andq $-64, %rsp\n"
        "cmpb $0, oji_tls_has_xsave(%rip)\n"
        "je 2f\n"
        "xorl %edx, %edx\n"
        "movq %rdx, 512(%rsp)\n"
        "movq %rdx, 520(%rsp)\n"
        "movq %rdx, 528(%rsp)\n"
        "movq %rdx, 536(%rsp)\n"
        "movq %rdx, 544(%rsp)\n"
        "movq %rdx, 552(%rsp)\n"
        "movq %rdx, 560(%rsp)\n"
        "movq %rdx, 568(%rsp)\n"
        "movl $0xe7, %eax\n"
        "xsave64 (%rsp)\n"
        "jmp 3f\n"
        "2:\n"
        "fxsave64 (%rsp)\n"
        "3:\n"
        "cld\n"
        "movq -56(%rbp), %rax\n"
        "leaq 16(%rax), %rdi\n"
        "call *8(%rax)\n"
        "movq %rax, -56(%rbp)\n"
        "cmpb $0, oji_tls_has_xsave(%rip)\n"
        "je 4f\n"
        "xorl %edx, %edx\n"
        "movl $0xe7, %eax\n"
        "xrstor64 (%rsp)\n"
        "jmp 5f\n"
        "4:\n"
        "fxrstor64 (%rsp)\n"
        "5:\n"
        "movq -56(%rbp), %rax\n"
        "subq %fs:0, %rax\n"
        "movq -48(%rbp), %r11\n"
        "movq -40(%rbp), %r10\n"
        "movq -32(%rbp), %r9\n"
        "movq -24(%rbp), %r8\n"
        "movq -16(%rbp), %rsi\n"
        "movq -8(%rbp), %rdi\n"
        "leave\n"
        ".cfi_def_cfa %rsp, 24\n"
        "popq %rdx\n"
        ".cfi_adjust_cfa_offset -8\n"
        "popq %rcx\n"
        ".cfi_adjust_cfa_offset -8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size oji_tls_descriptor, .-oji_tls_descriptor\n");
