/* What the linker must know of a 32-bit RISC-V host.
 * Source: RISC-V Unprivileged ISA, "Zifencei"; Linux, arch/riscv/kernel/sys_riscv.c and arch/riscv/mm/cacheflush.c. */
#include "arch/arch.h"

#include <stdatomic.h>
#include <unistd.h>

/* __NR_arch_specific_syscall + 15: start, end, flags; without the flag for this thread alone
 * (SYS_RISCV_FLUSH_ICACHE_LOCAL) it is for all threads of the process. */
enum { RISCV_FLUSH_ICACHE = 259 };

const oji_arch *oji_arch_host(void) { return &oji_arch_riscv32; }

/* FENCE.I orders stores before instruction fetches of its own hart only, and a thread may move to another one between
 * the two: user code is to ask its system ("Zifencei"). The kernel executes it on every hart that runs a thread of this
 * process now, and marks all others, which execute it before they run one (flush_icache_mm, icache_stale_mask): a
 * thread that moves and a second hart are both reached, pipelines included, since FENCE.I drops what was fetched ahead.
 * The writing hart must have a data FENCE before it asks others (ibid.). The whole instruction cache is meant whichever
 * bytes are named, so that the view that was written does not matter. */
void oji_arch_flush_host(void *write, uint64_t run_addr, uint64_t size)
{
    (void)write;
    atomic_thread_fence(memory_order_seq_cst);
    syscall(RISCV_FLUSH_ICACHE, (unsigned long)run_addr, (unsigned long)(run_addr + size), 0ul);
}
