/* What the linker must know of an s390x host. */
#include "arch/arch.h"

const oji_arch *oji_arch_host(void) { return &oji_arch_s390x; }

/* Caches are coherent, but instructions that a CPU has fetched ahead are copies. A store by the same CPU replaces them
 * only if it was made by the address that the instruction is fetched by, and the write view is at another;
 * serialization discards all copies (z/Architecture Principles of Operation, SA22-7832, chapter 5, "Instruction
 * Fetching", "Interlocks for Virtual-Storage References", "CPU Serialization"). BCR with mask 15 and register 0
 * serializes (chapter 7, "Branch on Condition"). Other CPUs' copies are theirs to discard: what the linker synchronizes
 * cores for. */
void oji_arch_flush_host(void *write, uint64_t run_addr, uint64_t size)
{
    (void)write;
    (void)run_addr;
    (void)size;
    __asm__ volatile("bcr 15, 0" : : : "memory");
}
