/* Thread-local storage on 32-bit ARM: the thread pointer, and what code calls through descriptors. */
#include "code/tls.h"

#include <sys/auxv.h>

/* TPIDRURO, or the kernel's helper where there is none (AAPCS32, "Thread-local storage"). */
uint64_t oji_tls_thread_pointer(void) { return (uint64_t)(uintptr_t)__builtin_thread_pointer(); }

/* __aeabi_read_tp, which changes no register but r0 (RTABI32, 4.3.5). */
static __attribute__((naked)) void read_pointer(void) { __asm__("mrc p15, 0, r0, c13, c0, 3\n\tbx lr"); }

/* EM_ARM, R_ARM_TLS_TPOFF32 */
const oji_tls_numbers *oji_tls_relocation_numbers(void)
{
    static const oji_tls_numbers numbers = {
        .machine = 40, .pointer = 19, .read_pointer = read_pointer, .read_pointer_name = "__aeabi_read_tp"};
    return &numbers;
}

/* Read by the assembler part: of HWCAP bit 6, there are vector registers, and 19, there are 32 of them. Every caller
 * stores the same value. */
extern uint32_t oji_tls_hwcap __attribute__((visibility("hidden")));
uint32_t oji_tls_hwcap;

uint64_t oji_tls_descriptor_addr(void)
{
    __atomic_store_n(&oji_tls_hwcap, (uint32_t)getauxval(AT_HWCAP), __ATOMIC_RELAXED);
    return (uint64_t)(uintptr_t)oji_tls_descriptor;
}

/* TLS descriptors: r0 points at the descriptor, the result is the variable's distance from the thread pointer in r0,
 * and every other register but r1, lr and the flags is kept, vectors included (GCC, arm.md, "tlscall"); the stack may
 * be aligned to a word only. The descriptor's words: the function that gives addresses, this, and the index to call it
 * with. Vector instructions are numbers, since the assembler may be told of a processor that has none. */
__asm__(".text\n"
        ".syntax unified\n"
        ".arm\n"
        ".p2align 2\n"
        ".globl oji_tls_descriptor\n"
        ".hidden oji_tls_descriptor\n"
        ".type oji_tls_descriptor, %function\n"
        "oji_tls_descriptor:\n"
        ".fnstart\n"
        "push {r2, r3, r4, r5, r6, ip, lr}\n"
        "mov r4, r0\n"
        "mov r5, sp\n"
        "ldr r6, 3f\n"
        "0: ldr r6, [pc, r6]\n"
        "bic sp, sp, #7\n"
        "tst r6, #0x40\n"
        "beq 1f\n"
        ".inst 0xed2d0b10\n" /* vpush {d0-d7} */
        ".inst 0xeef12a10\n" /* vmrs r2, fpscr */
        "push {r2, r3}\n"
        "tst r6, #0x80000\n"
        ".inst 0x1d6d0b20\n" /* vpushne {d16-d31} */
        "1: ldr r1, [r4]\n"
        "add r0, r4, #8\n"
        "blx r1\n"
        "mrc p15, 0, r1, c13, c0, 3\n"
        "sub r0, r0, r1\n"
        "tst r6, #0x40\n"
        "beq 2f\n"
        "tst r6, #0x80000\n"
        ".inst 0x1cfd0b20\n" /* vpopne {d16-d31} */
        "pop {r2, r3}\n"
        ".inst 0xeee12a10\n" /* vmsr fpscr, r2 */
        ".inst 0xecbd0b10\n" /* vpop {d0-d7} */
        "2: mov sp, r5\n"
        "pop {r2, r3, r4, r5, r6, ip, pc}\n"
        "3: .word oji_tls_hwcap - (0b + 8)\n"
        ".cantunwind\n"
        ".fnend\n"
        ".size oji_tls_descriptor, .-oji_tls_descriptor\n");
