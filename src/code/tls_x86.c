/* Thread-local storage on i386: the thread pointer, and what code calls with conventions of its own. */
#include "code/tls.h"

#include <cpuid.h>

/* "ELF Handling for Thread-Local Storage", 3.4.6: the word at the thread pointer is the thread pointer. */
uint64_t oji_tls_thread_pointer(void)
{
    uint32_t pointer;
    __asm__("movl %%gs:0, %0" : "=r"(pointer));
    return pointer;
}

/* Linked code calls this as ___tls_get_addr: the argument is in %eax ("ELF Handling for Thread-Local Storage", 4.1.2),
 * and the stack may be aligned to a word only. */
static __attribute__((regparm(1), force_align_arg_pointer)) void *get_addr(const oji_tls_entry *index)
{
    return oji_tls_get_addr(index);
}

/* EM_386, R_386_TLS_TPOFF */
const oji_tls_numbers *oji_tls_relocation_numbers(void)
{
    static const oji_tls_numbers numbers = {.machine = 3, .pointer = 14, .get_addr = (void (*)(void))get_addr};
    return &numbers;
}

/* Read by the assembler part. */
extern uint8_t oji_tls_has_xsave __attribute__((visibility("hidden")));
uint8_t oji_tls_has_xsave;
extern uint8_t oji_tls_has_fxsave __attribute__((visibility("hidden")));
uint8_t oji_tls_has_fxsave;

/* OSXSAVE: the system has enabled xsave (Intel SDM volume 1, 13.2). Every caller stores the same values. */
uint64_t oji_tls_descriptor_addr(void)
{
    unsigned a, b, c, d;
    bool known = __get_cpuid(1, &a, &b, &c, &d);
    __atomic_store_n(&oji_tls_has_xsave, known && (c & bit_OSXSAVE), __ATOMIC_RELAXED);
    __atomic_store_n(&oji_tls_has_fxsave, known && (d & bit_FXSAVE), __ATOMIC_RELAXED);
    return (uint64_t)(uintptr_t)oji_tls_descriptor;
}

/* TLS descriptors (Oliva and de Assis, "RFC-TLSDESC-x86"): %eax points at the descriptor, the result is the variable's
 * distance from the thread pointer in %eax, and every other register is kept, vectors included. The descriptor's words:
 * this, the function that gives addresses, which takes its argument in %eax, and the index to call it with.
 *
 * The state that the function may use is saved first: mask 0xe7 is x87, SSE, AVX and AVX-512, 2,688 bytes in the
 * standard format at most; the header at 512 must be zero for xrstor. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl oji_tls_descriptor\n"
        ".hidden oji_tls_descriptor\n"
        ".type oji_tls_descriptor, @function\n"
        "oji_tls_descriptor:\n"
        ".cfi_startproc\n"
        "pushl %ebp\n"
        ".cfi_adjust_cfa_offset 4\n"
        ".cfi_rel_offset %ebp, 0\n"
        "movl %esp, %ebp\n"
        ".cfi_def_cfa_register %ebp\n"
        "pushl %eax\n"
        "pushl %ecx\n"
        "pushl %edx\n"
        "pushl %ebx\n"
        "call 1f\n"
        "1: popl %ebx\n"
        "addl $_GLOBAL_OFFSET_TABLE_+(.-1b), %ebx\n"
        "subl $2816, %esp\n"
        "andl $-64, %esp\n"
        "cmpb $0, oji_tls_has_xsave@GOTOFF(%ebx)\n"
        "je 2f\n"
        "xorl %edx, %edx\n"
        "movl $16, %ecx\n"
        "3: movl %edx, 508(%esp,%ecx,4)\n"
        "decl %ecx\n"
        "jnz 3b\n"
        "movl $0xe7, %eax\n"
        "xsave (%esp)\n"
        "jmp 5f\n"
        "2: cmpb $0, oji_tls_has_fxsave@GOTOFF(%ebx)\n"
        "je 4f\n"
        "fxsave (%esp)\n"
        "jmp 5f\n"
        "4: fnsave (%esp)\n"
        "5: cld\n"
        "movl -4(%ebp), %ecx\n"
        "leal 8(%ecx), %eax\n"
        "call *4(%ecx)\n"
        "movl %eax, -4(%ebp)\n"
        "cmpb $0, oji_tls_has_xsave@GOTOFF(%ebx)\n"
        "je 6f\n"
        "xorl %edx, %edx\n"
        "movl $0xe7, %eax\n"
        "xrstor (%esp)\n"
        "jmp 8f\n"
        "6: cmpb $0, oji_tls_has_fxsave@GOTOFF(%ebx)\n"
        "je 7f\n"
        "fxrstor (%esp)\n"
        "jmp 8f\n"
        "7: frstor (%esp)\n"
        "8: movl -4(%ebp), %eax\n"
        "subl %gs:0, %eax\n"
        "movl -16(%ebp), %ebx\n"
        "movl -12(%ebp), %edx\n"
        "movl -8(%ebp), %ecx\n"
        "leave\n"
        ".cfi_def_cfa %esp, 4\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size oji_tls_descriptor, .-oji_tls_descriptor\n");
