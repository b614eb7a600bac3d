/* What the linker must know of a 32-bit ARM host. */
#include "arch/arch.h"

#include <unistd.h>

/* ARM's private system call: programs may not clean or invalidate caches themselves before ARMv8 (Linux,
 * arch/arm/kernel/traps.c: start, end, flags). */
enum { ARM_CACHEFLUSH = 0x0f0002 };

const oji_arch *oji_arch_host(void) { return &oji_arch_arm; }

/* The kernel cleans and invalidates by address on every core that needs it, and ends with the barriers. Both views are
 * told: the lines that were written are the one's, those that are fetched the other's. */
void oji_arch_flush_host(void *write, uint64_t run_addr, uint64_t size)
{
    unsigned long written = (unsigned long)(uintptr_t)write, run = (unsigned long)run_addr;
    if (written != run)
        syscall(ARM_CACHEFLUSH, written, written + (unsigned long)size, 0);
    syscall(ARM_CACHEFLUSH, run, run + (unsigned long)size, 0);
}
