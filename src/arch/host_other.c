/* A host that has no table of its own yet: objects can be read and planned, and code for it cannot be linked. */
#include "arch/arch.h"

const oji_arch *oji_arch_host(void) { return NULL; }

/* The compiler's builtin knows the host's own way; providers may flush here although nothing is linked. */
void oji_arch_flush_host(void *write, uint64_t run_addr, uint64_t size)
{
    (void)write;
    __builtin___clear_cache((char *)(uintptr_t)run_addr, (char *)(uintptr_t)(run_addr + size));
}
