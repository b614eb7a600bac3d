/* Thread-local storage on s390x: the thread pointer, and what code calls for a variable. */
#include "code/tls.h"

/* Access registers 0 and 1 hold its upper and lower half (ELF ABI s390x Supplement, "Thread-Local Storage"). */
uint64_t oji_tls_thread_pointer(void)
{
    uint64_t pointer;
    __asm__("ear %0, %%a0\n\t"
            "sllg %0, %0, 32\n\t"
            "ear %0, %%a1"
            : "=d"(pointer));
    return pointer;
}

/* Linked code calls this as __tls_get_offset: %r2 is the distance of an oj_tls_index from the GOT's start, which is in
 * %r12; the result is the variable's distance from the thread pointer (the supplement, "General Dynamic TLS Model").
 * All else is as in calls of C: registers from %r6 on are kept, and the caller's frame has room to save them in. */
void oji_tls_get_offset(void) __attribute__((visibility("hidden")));
__asm__(".text\n"
        ".p2align 4\n"
        ".globl oji_tls_get_offset\n"
        ".hidden oji_tls_get_offset\n"
        ".type oji_tls_get_offset, @function\n"
        "oji_tls_get_offset:\n"
        ".cfi_startproc\n"
        "stmg %r14, %r15, 112(%r15)\n"
        ".cfi_offset %r14, -48\n"
        ".cfi_offset %r15, -40\n"
        "la %r2, 0(%r2, %r12)\n"
        "aghi %r15, -160\n"
        ".cfi_adjust_cfa_offset 160\n"
        "brasl %r14, oji_tls_get_addr\n"
        "ear %r1, %a0\n"
        "sllg %r1, %r1, 32\n"
        "ear %r1, %a1\n"
        "sgr %r2, %r1\n"
        "lmg %r14, %r15, 272(%r15)\n"
        ".cfi_adjust_cfa_offset -160\n"
        ".cfi_restore %r14\n"
        ".cfi_restore %r15\n"
        "br %r14\n"
        ".cfi_endproc\n"
        ".size oji_tls_get_offset, .-oji_tls_get_offset\n");

/* The dynamic linker exports __tls_get_offset alone. It adds what it is given to %r12, and reads the index there; the
 * GOT's address is not its affair (glibc, sysdeps/s390/s390-64/dl-tls). */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl oji_tls_ask_process\n"
        ".hidden oji_tls_ask_process\n"
        ".type oji_tls_ask_process, @function\n"
        "oji_tls_ask_process:\n"
        ".cfi_startproc\n"
        "stmg %r12, %r15, 96(%r15)\n"
        ".cfi_offset %r12, -64\n"
        ".cfi_offset %r14, -48\n"
        ".cfi_offset %r15, -40\n"
        "aghi %r15, -160\n"
        ".cfi_adjust_cfa_offset 160\n"
        "lghi %r12, 0\n"
        "brasl %r14, __tls_get_offset@PLT\n"
        "ear %r1, %a0\n"
        "sllg %r1, %r1, 32\n"
        "ear %r1, %a1\n"
        "agr %r2, %r1\n"
        "lmg %r12, %r15, 256(%r15)\n"
        ".cfi_adjust_cfa_offset -160\n"
        ".cfi_restore %r12\n"
        ".cfi_restore %r14\n"
        ".cfi_restore %r15\n"
        "br %r14\n"
        ".cfi_endproc\n"
        ".size oji_tls_ask_process, .-oji_tls_ask_process\n");

/* EM_S390, R_390_TLS_TPOFF */
const oji_tls_numbers *oji_tls_relocation_numbers(void)
{
    static const oji_tls_numbers numbers = {.machine = 22, .pointer = 56, .get_addr = oji_tls_get_offset};
    return &numbers;
}

/* The ABI has no descriptors, so that nothing asks for this. */
uint64_t oji_tls_descriptor_addr(void) { return 0; }
