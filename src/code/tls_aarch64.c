/* Thread-local storage on AArch64: the thread pointer, and what TLS descriptors call. */
#include "code/tls.h"

uint64_t oji_tls_thread_pointer(void)
{
    uint64_t pointer;
    __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
    return pointer;
}

/* EM_AARCH64, R_AARCH64_TLS_TPREL64 */
const oji_tls_numbers *oji_tls_relocation_numbers(void)
{
    static const oji_tls_numbers numbers = {.machine = 183, .pointer = 1030};
    return &numbers;
}

uint64_t oji_tls_descriptor_addr(void) { return (uint64_t)(uintptr_t)oji_tls_descriptor; }

/* TLS descriptors (AAELF64, "Thread Local Storage", dynamic TLS): x0 points at the descriptor, the result is the
 * variable's distance from the thread pointer in x0, and every other register but x30, which the call changes, and the
 * flags is kept. Of vectors that is the low 128 bits: compilers take the rest of SVE's, and its predicates, for changed
 * by any call. The descriptor's words: this, the function that gives addresses, and the index to call it with.
 *
 * What this library's own function would answer from the thread's vector is done here. For all else the function is
 * called, with all state that it may use saved: x5 to x18, x29 and x30, 128 bytes; q0 to q31, 512 bytes. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl oji_tls_descriptor\n"
        ".hidden oji_tls_descriptor\n"
        ".type oji_tls_descriptor, %function\n"
        "oji_tls_descriptor:\n"
        ".cfi_startproc\n"
        "hint #34\n" /* bti c */
        "stp x1, x2, [sp, #-32]!\n"
        ".cfi_adjust_cfa_offset 32\n"
        "stp x3, x4, [sp, #16]\n"
        "ldr x1, [x0, #8]\n"
        "adrp x2, oji_tls_get_addr\n"
        "add x2, x2, :lo12:oji_tls_get_addr\n"
        "cmp x1, x2\n"
        "b.ne 1f\n"
        "ldr x1, [x0, #16]\n"
        "tbz x1, #63, 1f\n"
        "and x1, x1, #0x7fffffffffffffff\n"
        "adrp x2, :gottprel:oji_tls_this_thread\n"
        "ldr x2, [x2, :gottprel_lo12:oji_tls_this_thread]\n"
        "mrs x3, tpidr_el0\n"
        "add x2, x2, x3\n"
        "ldr x4, [x2, #8]\n"
        "cmp x1, x4\n"
        "b.hs 1f\n"
        "ldr x4, [x2]\n"
        "ldr x4, [x4, x1, lsl #3]\n"
        "cbz x4, 1f\n"
        "ldr x1, [x0, #24]\n"
        "add x0, x4, x1\n"
        "sub x0, x0, x3\n"
        "ldp x3, x4, [sp, #16]\n"
        "ldp x1, x2, [sp], #32\n"
        ".cfi_remember_state\n"
        ".cfi_adjust_cfa_offset -32\n"
        "ret\n"
        "1:\n"
        ".cfi_restore_state\n"
        "stp x29, x30, [sp, #-128]!\n"
        ".cfi_adjust_cfa_offset 128\n"
        ".cfi_rel_offset x29, 0\n"
        ".cfi_rel_offset x30, 8\n"
        "mov x29, sp\n"
        ".cfi_def_cfa x29, 160\n"
        "stp x5, x6, [sp, #16]\n"
        "stp x7, x8, [sp, #32]\n"
        "stp x9, x10, [sp, #48]\n"
        "stp x11, x12, [sp, #64]\n"
        "stp x13, x14, [sp, #80]\n"
        "stp x15, x16, [sp, #96]\n"
        "stp x17, x18, [sp, #112]\n"
        "sub sp, sp, #512\n"
        "stp q0, q1, [sp]\n"
        "stp q2, q3, [sp, #32]\n"
        "stp q4, q5, [sp, #64]\n"
        "stp q6, q7, [sp, #96]\n"
        "stp q8, q9, [sp, #128]\n"
        "stp q10, q11, [sp, #160]\n"
        "stp q12, q13, [sp, #192]\n"
        "stp q14, q15, [sp, #224]\n"
        "stp q16, q17, [sp, #256]\n"
        "stp q18, q19, [sp, #288]\n"
        "stp q20, q21, [sp, #320]\n"
        "stp q22, q23, [sp, #352]\n"
        "stp q24, q25, [sp, #384]\n"
        "stp q26, q27, [sp, #416]\n"
        "stp q28, q29, [sp, #448]\n"
        "stp q30, q31, [sp, #480]\n"
        "ldr x1, [x0, #8]\n"
        "add x0, x0, #16\n"
        "blr x1\n"
        "mrs x1, tpidr_el0\n"
        "sub x0, x0, x1\n"
        "ldp q0, q1, [sp]\n"
        "ldp q2, q3, [sp, #32]\n"
        "ldp q4, q5, [sp, #64]\n"
        "ldp q6, q7, [sp, #96]\n"
        "ldp q8, q9, [sp, #128]\n"
        "ldp q10, q11, [sp, #160]\n"
        "ldp q12, q13, [sp, #192]\n"
        "ldp q14, q15, [sp, #224]\n"
        "ldp q16, q17, [sp, #256]\n"
        "ldp q18, q19, [sp, #288]\n"
        "ldp q20, q21, [sp, #320]\n"
        "ldp q22, q23, [sp, #352]\n"
        "ldp q24, q25, [sp, #384]\n"
        "ldp q26, q27, [sp, #416]\n"
        "ldp q28, q29, [sp, #448]\n"
        "ldp q30, q31, [sp, #480]\n"
        "add sp, sp, #512\n"
        "ldp x5, x6, [sp, #16]\n"
        "ldp x7, x8, [sp, #32]\n"
        "ldp x9, x10, [sp, #48]\n"
        "ldp x11, x12, [sp, #64]\n"
        "ldp x13, x14, [sp, #80]\n"
        "ldp x15, x16, [sp, #96]\n"
        "ldp x17, x18, [sp, #112]\n"
        "ldp x29, x30, [sp], #128\n"
        ".cfi_def_cfa sp, 32\n"
        ".cfi_restore x29\n"
        ".cfi_restore x30\n"
        "ldp x3, x4, [sp, #16]\n"
        "ldp x1, x2, [sp], #32\n"
        ".cfi_adjust_cfa_offset -32\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size oji_tls_descriptor, .-oji_tls_descriptor\n");
