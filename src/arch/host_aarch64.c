/* What the linker must know of an AArch64 host.
 * Source: Arm ARM (DDI 0487; numbers move between its issues, these are of F.c), B2.2.5 "Concurrent modification and
 * execution of instructions", B2.4.4 "Implication of caches for the application programmer", whose sequence this is,
 * and D4.4 "Cache support". */
#include "arch/arch.h"

const oji_arch *oji_arch_host(void) { return &oji_arch_aarch64; }

/* CTR_EL0, Cache Type Register: DminLine (bits 19:16) and IminLine (3:0) are the smallest lines of all caches, as log2
 * of words of 4 bytes; IDC (28) says that data need not be cleaned to the point of unification, DIC (29) that
 * instructions need not be invalidated. Read each time: cores of one machine may differ, and the kernel then traps the
 * read and answers with what is safe on all of them. */
static uint64_t cache_type(void)
{
    uint64_t value;
    __asm__ volatile("mrs %0, ctr_el0" : "=r"(value));
    return value;
}

/* Cleaning is by the address that was written, invalidating by the one that runs: with separate views these differ, and
 * an instruction cache that is indexed by virtual address (CTR_EL0.L1Ip, VIPT) drops by address no other alias. Data
 * caches behave as physically tagged ones, so that a clean through either address reaches the bytes (D4.4). Each
 * operation by address goes to all cores of the inner shareable domain, and a DSB completes them there: the first
 * orders the invalidations behind the clean, and is needed where IDC leaves the clean out, too, since the stores
 * themselves must be complete; the second orders what follows behind the invalidations. ISB makes this core fetch anew.
 * A thread that moves to another core in between: a DSB waits for the operations of its own core only, so Linux
 * executes one at each switch (arch/arm64, __switch_to), and the return to user mode is a context synchronization event
 * like ISB.
 * A second core: the caches are settled for it, but what it has fetched ahead is dropped by an event of its own alone
 * (B2.2.5): oji_link_synchronize_cores() and the provider's synchronize().
 * IC IVAU may fault where user mode may not read (D4.4), so both addresses must be readable. */
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
