/* What the linker must know of an i386 host. */
#include "arch/arch.h"

const oji_arch *oji_arch_host(void) { return &oji_arch_i386; }

/* x86 keeps instruction fetch coherent with stores (Intel SDM volume 3, 11.6), so hardware needs nothing. Valgrind
 * runs translations of the code, which go stale: its DISCARD_TRANSLATIONS client request (0x1002; the instruction
 * sequence is a no-op elsewhere) drops those of this range. */
void oji_arch_flush_host(void *write, uint64_t run_addr, uint64_t size)
{
    volatile uint32_t request[6] = {0x1002, (uint32_t)run_addr, (uint32_t)size, 0, 0, 0};
    uint32_t result = 0;
    (void)write;
    __asm__ volatile("roll $3, %%edi\n\t"
                     "roll $13, %%edi\n\t"
                     "roll $29, %%edi\n\t"
                     "roll $19, %%edi\n\t"
                     "xchgl %%ebx, %%ebx"
                     : "+d"(result)
                     : "a"(&request[0])
                     : "cc", "memory");
}
