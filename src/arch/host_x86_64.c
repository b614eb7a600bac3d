/* What the linker must know of an x86-64 host. */
#include "arch/arch.h"

const oji_arch *oji_arch_host(void) { return &oji_arch_x86_64; }

/* x86 keeps instruction fetch coherent with stores (Intel SDM volume 3, 11.6), so hardware needs nothing. Valgrind
 * runs translations of the code, which go stale: its DISCARD_TRANSLATIONS client request (0x1002; the instruction
 * sequence is a no-op elsewhere) drops those of this range. */
void oji_arch_flush_host(void *write, uint64_t run_addr, uint64_t size)
{
    volatile uint64_t request[6] = {0x1002, run_addr, size, 0, 0, 0};
    uint64_t result = 0;
    (void)write;
    __asm__ volatile("rolq $3, %%rdi\n\t"
                     "rolq $13, %%rdi\n\t"
                     "rolq $61, %%rdi\n\t"
                     "rolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "+d"(result)
                     : "a"(&request[0])
                     : "cc", "memory");
}
