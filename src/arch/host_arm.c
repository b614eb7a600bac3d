/* What the linker must know of a 32-bit ARM host.
 * Source: ARM ARM (DDI 0406C), A3.5.4 "Concurrent modification and execution of instructions", and in B2.2 "Cache and
 * branch predictor maintenance operations"; Linux, arch/arm/kernel/traps.c (do_cache_op) and
 * arch/arm64/kernel/sys_compat.c. */
#include "arch/arch.h"

#include <unistd.h>

/* ARM's private system call: start, end (exclusive), flags, which must be 0. Maintenance operations are privileged in
 * this architecture (B2.2), so that there is no other way. */
enum { ARM_CACHEFLUSH = 0x0f0002 };

const oji_arch *oji_arch_host(void) { return &oji_arch_arm; }

/* The kernel cleans data to the point of unification by address, DSB, invalidates instructions and branch predictors by
 * address, DSB, ISB: the sequence of A3.5.4, which with the multiprocessing extensions reaches every core of the inner
 * shareable domain. It ends before the call does, so that a thread that moves to another core meanwhile has lost
 * nothing. Both views are told, the written one first: its lines are those to clean; those that may be fetched, of a
 * cache that is indexed by virtual address, are the other's. What other cores have fetched ahead is dropped by an event
 * of their own (A3.5.4): oji_link_synchronize_cores() and the provider's synchronize(). */
void oji_arch_flush_host(void *write, uint64_t run_addr, uint64_t size)
{
    unsigned long written = (unsigned long)(uintptr_t)write, run = (unsigned long)run_addr;
    if (written != run)
        syscall(ARM_CACHEFLUSH, written, written + (unsigned long)size, 0);
    syscall(ARM_CACHEFLUSH, run, run + (unsigned long)size, 0);
}
