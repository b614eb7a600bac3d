/* Thread-local storage on 32-bit ARM. Descriptors, which no compiler writes unless asked, are refused by the reader. */
#include "code/tls.h"

/* TPIDRURO, or the kernel's helper where there is none (AAPCS32, "Thread-local storage"). */
uint64_t oji_tls_thread_pointer(void) { return (uint64_t)(uintptr_t)__builtin_thread_pointer(); }

/* __aeabi_read_tp, which changes no register but r0 (RTABI32, 4.3.5). */
static __attribute__((naked)) void read_pointer(void) { __asm__("mrc p15, 0, r0, c13, c0, 3\n\tbx lr"); }

/* EM_ARM, R_ARM_TLS_TPOFF32 */
const oji_tls_numbers *oji_tls_relocation_numbers(void)
{
    static const oji_tls_numbers numbers = {
        .machine = 40, .pointer = 19, .read_pointer = read_pointer, .read_pointer_name = "__aeabi_read_tp"};
    return &numbers;
}

uint64_t oji_tls_descriptor_addr(void) { return 0; }
