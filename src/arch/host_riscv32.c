/* What the linker must know of a 32-bit RISC-V host. */
#include "arch/arch.h"

#include <unistd.h>

/* Linux, include/uapi/asm-generic/unistd.h and arch/riscv: start, end, flags; without the flag for this thread alone it
 * is for all threads of the process. */
enum { RISCV_FLUSH_ICACHE = 259 };

const oji_arch *oji_arch_host(void) { return &oji_arch_riscv32; }

/* FENCE.I orders stores before instruction fetches of its own hart only, and a thread may move to another one between
 * the two (Unprivileged ISA, "Zifencei": user code is to ask its system). The kernel executes it on every hart that
 * runs a thread of this process, and before any other hart does; the whole instruction cache is meant whichever bytes
 * are named, so that the view that was written does not matter. */
void oji_arch_flush_host(void *write, uint64_t run_addr, uint64_t size)
{
    (void)write;
    syscall(RISCV_FLUSH_ICACHE, (unsigned long)run_addr, (unsigned long)(run_addr + size), 0ul);
}
