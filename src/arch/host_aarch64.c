/* What the linker must know of an AArch64 host.
 * Source: Arm ARM (DDI 0487), B2.7.4 "Concurrent modification and execution of instructions" and B2.8 "Caches and
 * memory hierarchy"; the sequence is that of its example in K13.5.1. */
#include "arch/arch.h"

const oji_arch *oji_arch_host(void) { return &oji_arch_aarch64; }

/* CTR_EL0 (D24.2.34): the smallest lines of all caches, as log2 of words of 4 bytes; IDC and DIC say that the clean or
 * the invalidation is not needed. Read each time: cores of one machine may differ, and the kernel then traps the read
 * and answers with what is safe on all of them. */
static uint64_t cache_type(void)
{
    uint64_t value;
    __asm__ volatile("mrs %0, ctr_el0" : "=r"(value));
    return value;
}

/* Cleaning is by the address that was written, invalidating by the one that runs: with separate views the lines are
 * different ones. DSB ISH waits until each has reached every core of the inner shareable domain; ISB makes this core
 * fetch anew. Other cores that may hold old instructions in their pipelines are the caller's affair
 * (oji_link_synchronize_cores). */
void oji_arch_flush_host(void *write, uint64_t run_addr, uint64_t size)
{
    uint64_t type = cache_type();
    uint64_t data_line = UINT64_C(4) << ((type >> 16) & 15), code_line = UINT64_C(4) << (type & 15);
    uint64_t written = (uint64_t)(uintptr_t)write;
    if (!(type >> 28 & 1))
        for (uint64_t at = written & ~(data_line - 1); at < written + size; at += data_line)
            __asm__ volatile("dc cvau, %0" : : "r"(at) : "memory");
    __asm__ volatile("dsb ish" : : : "memory");
    if (!(type >> 29 & 1))
        for (uint64_t at = run_addr & ~(code_line - 1); at < run_addr + size; at += code_line)
            __asm__ volatile("ic ivau, %0" : : "r"(at) : "memory");
    __asm__ volatile("dsb ish\n\tisb" : : : "memory");
}
