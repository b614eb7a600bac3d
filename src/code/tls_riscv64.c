/* Thread-local storage on 64-bit RISC-V: the thread pointer, and what TLS descriptors call. */
#include "code/tls.h"

#include <sys/auxv.h>

/* psABI, "Integer Register Convention": tp. */
uint64_t oji_tls_thread_pointer(void)
{
    uint64_t pointer;
    __asm__("mv %0, tp" : "=r"(pointer));
    return pointer;
}

/* EM_RISCV; EF_RISCV_FLOAT_ABI_DOUBLE, without which a process of that ABI opens nothing; R_RISCV_TLS_TPREL64 */
const oji_tls_numbers *oji_tls_relocation_numbers(void)
{
    static const oji_tls_numbers numbers = {.machine = 243, .flags = 4, .pointer = 11};
    return &numbers;
}

extern void *__tls_get_addr(const oji_tls_entry *index);

/* The dynamic linker's offsets count from 0x800 bytes into a block, so that loads reach 4 KiB of it (psABI, "Thread
 * Local Storage"); ours count from its start. */
void *oji_tls_ask_process(const oji_tls_entry *index)
{
    oji_tls_entry counted = {index->token, index->offset - 0x800};
    return __tls_get_addr(&counted);
}

/* Read by the assembler part. */
extern uint8_t oji_tls_has_vectors __attribute__((visibility("hidden")));
uint8_t oji_tls_has_vectors;

/* Linux: a bit of AT_HWCAP for each extension of one letter. Every caller stores the same value. */
uint64_t oji_tls_descriptor_addr(void)
{
    uint8_t has = (uint8_t)(getauxval(AT_HWCAP) >> ('V' - 'A') & 1);
    __atomic_store_n(&oji_tls_has_vectors, has, __ATOMIC_RELAXED);
    return (uint64_t)(uintptr_t)oji_tls_descriptor;
}

/* TLS descriptors (RISC-V ELF psABI, "TLS Descriptors"): a0 points at the descriptor, t0 is the return address, the
 * result is the variable's distance from the thread pointer in a0, and every other register is kept, vectors included.
 * The descriptor's words: this, the function that gives addresses, and the index to call it with.
 *
 * What this library's own function would answer from the thread's vector is done here. For all else the function is
 * called, with all state that it may use saved: 32 bytes of t1 to t3 in both ways, then 304 of ra, t0, s0, t4 to t6, a1
 * to a7, fcsr and the floating-point registers that calls change, then vectors of whatever length they have. */
__asm__(".text\n"
        ".p2align 2\n"
        ".globl oji_tls_descriptor\n"
        ".hidden oji_tls_descriptor\n"
        ".type oji_tls_descriptor, @function\n"
        "oji_tls_descriptor:\n"
        ".cfi_startproc\n"
        ".cfi_return_column 5\n"
        "addi sp, sp, -32\n"
        ".cfi_adjust_cfa_offset 32\n"
        "sd t1, 0(sp)\n"
        "sd t2, 8(sp)\n"
        "sd t3, 16(sp)\n"
        "ld t1, 8(a0)\n"
        "lla t2, oji_tls_get_addr\n"
        "bne t1, t2, 1f\n"
        "ld t1, 16(a0)\n"
        "bgez t1, 1f\n" /* bit 63 */
        "slli t1, t1, 1\n"
        "srli t1, t1, 1\n"
        "la.tls.ie t2, oji_tls_this_thread\n"
        "add t2, t2, tp\n"
        "ld t3, 8(t2)\n"
        "bgeu t1, t3, 1f\n"
        "ld t3, 0(t2)\n"
        "slli t1, t1, 3\n"
        "add t3, t3, t1\n"
        "ld t3, 0(t3)\n"
        "beqz t3, 1f\n"
        "ld t1, 24(a0)\n"
        "add a0, t3, t1\n"
        "sub a0, a0, tp\n"
        "ld t1, 0(sp)\n"
        "ld t2, 8(sp)\n"
        "ld t3, 16(sp)\n"
        "addi sp, sp, 32\n"
        ".cfi_remember_state\n"
        ".cfi_adjust_cfa_offset -32\n"
        "jr t0\n"
        "1:\n"
        ".cfi_restore_state\n"
        "addi sp, sp, -304\n"
        ".cfi_adjust_cfa_offset 304\n"
        "sd s0, 0(sp)\n"
        ".cfi_rel_offset 8, 0\n"
        "sd t0, 8(sp)\n"
        ".cfi_rel_offset 5, 8\n"
        "sd ra, 16(sp)\n"
        ".cfi_rel_offset 1, 16\n"
        "sd t4, 24(sp)\n"
        "sd t5, 32(sp)\n"
        "sd t6, 40(sp)\n"
        "sd a1, 48(sp)\n"
        "sd a2, 56(sp)\n"
        "sd a3, 64(sp)\n"
        "sd a4, 72(sp)\n"
        "sd a5, 80(sp)\n"
        "sd a6, 88(sp)\n"
        "sd a7, 96(sp)\n"
        "frcsr t1\n"
        "sd t1, 104(sp)\n"
        "fsd ft0, 112(sp)\n"
        "fsd ft1, 120(sp)\n"
        "fsd ft2, 128(sp)\n"
        "fsd ft3, 136(sp)\n"
        "fsd ft4, 144(sp)\n"
        "fsd ft5, 152(sp)\n"
        "fsd ft6, 160(sp)\n"
        "fsd ft7, 168(sp)\n"
        "fsd ft8, 176(sp)\n"
        "fsd ft9, 184(sp)\n"
        "fsd ft10, 192(sp)\n"
        "fsd ft11, 200(sp)\n"
        "fsd fa0, 208(sp)\n"
        "fsd fa1, 216(sp)\n"
        "fsd fa2, 224(sp)\n"
        "fsd fa3, 232(sp)\n"
        "fsd fa4, 240(sp)\n"
        "fsd fa5, 248(sp)\n"
        "fsd fa6, 256(sp)\n"
        "fsd fa7, 264(sp)\n"
        "mv s0, sp\n"
        ".cfi_def_cfa_register 8\n"
        "lbu t1, oji_tls_has_vectors\n"
        "sd t1, 272(s0)\n"
        "beqz t1, 2f\n"
        ".option push\n"
        ".option arch, +v\n"
        "csrr t1, vl\n"
        "csrr t2, vtype\n"
        "csrr t3, vcsr\n"
        "addi sp, sp, -32\n"
        "sd t1, 0(sp)\n"
        "sd t2, 8(sp)\n"
        "sd t3, 16(sp)\n"
        "csrr t1, vlenb\n"
        "slli t1, t1, 3\n"
        "sub sp, sp, t1\n"
        "vs8r.v v0, (sp)\n"
        "sub sp, sp, t1\n"
        "vs8r.v v8, (sp)\n"
        "sub sp, sp, t1\n"
        "vs8r.v v16, (sp)\n"
        "sub sp, sp, t1\n"
        "vs8r.v v24, (sp)\n"
        "2:\n"
        "ld t1, 8(a0)\n"
        "addi a0, a0, 16\n"
        "jalr t1\n"
        "sub a0, a0, tp\n"
        "ld t1, 272(s0)\n"
        "beqz t1, 3f\n"
        "csrr t1, vlenb\n"
        "slli t1, t1, 3\n"
        "vl8re8.v v24, (sp)\n"
        "add sp, sp, t1\n"
        "vl8re8.v v16, (sp)\n"
        "add sp, sp, t1\n"
        "vl8re8.v v8, (sp)\n"
        "add sp, sp, t1\n"
        "vl8re8.v v0, (sp)\n"
        "add sp, sp, t1\n"
        "ld t1, 0(sp)\n"
        "ld t2, 8(sp)\n"
        "ld t3, 16(sp)\n"
        "vsetvl zero, t1, t2\n"
        "csrw vcsr, t3\n"
        ".option pop\n"
        "3:\n"
        "mv sp, s0\n"
        ".cfi_def_cfa_register 2\n"
        "fld ft0, 112(sp)\n"
        "fld ft1, 120(sp)\n"
        "fld ft2, 128(sp)\n"
        "fld ft3, 136(sp)\n"
        "fld ft4, 144(sp)\n"
        "fld ft5, 152(sp)\n"
        "fld ft6, 160(sp)\n"
        "fld ft7, 168(sp)\n"
        "fld ft8, 176(sp)\n"
        "fld ft9, 184(sp)\n"
        "fld ft10, 192(sp)\n"
        "fld ft11, 200(sp)\n"
        "fld fa0, 208(sp)\n"
        "fld fa1, 216(sp)\n"
        "fld fa2, 224(sp)\n"
        "fld fa3, 232(sp)\n"
        "fld fa4, 240(sp)\n"
        "fld fa5, 248(sp)\n"
        "fld fa6, 256(sp)\n"
        "fld fa7, 264(sp)\n"
        "ld t1, 104(sp)\n"
        "fscsr t1\n"
        "ld a7, 96(sp)\n"
        "ld a6, 88(sp)\n"
        "ld a5, 80(sp)\n"
        "ld a4, 72(sp)\n"
        "ld a3, 64(sp)\n"
        "ld a2, 56(sp)\n"
        "ld a1, 48(sp)\n"
        "ld t6, 40(sp)\n"
        "ld t5, 32(sp)\n"
        "ld t4, 24(sp)\n"
        "ld ra, 16(sp)\n"
        ".cfi_restore 1\n"
        "ld t0, 8(sp)\n"
        ".cfi_restore 5\n"
        "ld s0, 0(sp)\n"
        ".cfi_restore 8\n"
        "ld t1, 304(sp)\n"
        "ld t2, 312(sp)\n"
        "ld t3, 320(sp)\n"
        "addi sp, sp, 336\n"
        ".cfi_adjust_cfa_offset -336\n"
        "jr t0\n"
        ".cfi_endproc\n"
        ".size oji_tls_descriptor, .-oji_tls_descriptor\n");
