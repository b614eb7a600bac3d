/* Code of the architecture that this was compiled for that returns the address of a thread-local variable, in each
 * model. */
#ifndef OJT_MACHINE_TLS_H
#define OJT_MACHINE_TLS_H

#include "support/machine.h"

typedef enum ojt_tls_model { OJT_DYNAMIC, OJT_DESCRIPTOR, OJT_INITIAL_EXEC, OJT_LOCAL_EXEC, OJT_MODELS } ojt_tls_model;

/* Whose address a relocation wants: OJT_OF_FUNCTION is the C library's that finds variables, OJT_OF_CODE the start of
 * the code itself. */
typedef enum ojt_tls_symbol { OJT_OF_NOBODY, OJT_OF_VARIABLE, OJT_OF_CODE, OJT_OF_FUNCTION, OJT_OF_GOT } ojt_tls_symbol;

typedef struct ojt_tls_fixup {
    uint64_t offset;
    uint32_t type;
    int64_t addend;
    ojt_tls_symbol of; /* OJT_OF_NOBODY after the last */
} ojt_tls_fixup;

typedef struct ojt_tls_row {
    const uint8_t *code;
    size_t size;
    ojt_tls_fixup fixups[5];
} ojt_tls_row;

#if defined(__x86_64__)

#define OJT_TLS_FUNCTION "__tls_get_addr"
/* sub $8, %rsp; data16 lea ?@tlsgd(%rip), %rdi; data16 data16 rex64 call ?; add $8, %rsp; ret */
static const uint8_t ojt_dynamic_code[] = {0x48, 0x83, 0xec, 0x08, 0x66, 0x48, 0x8d, 0x3d, 0,    0,    0,    0,   0x66,
                                           0x66, 0x48, 0xe8, 0,    0,    0,    0,    0x48, 0x83, 0xc4, 0x08, 0xc3};
/* sub $8, %rsp; lea ?@tlsdesc(%rip), %rax; call *?@tlscall(%rax); add %fs:0, %rax; add $8, %rsp; ret */
static const uint8_t ojt_descriptor_code[] = {0x48, 0x83, 0xec, 0x08, 0x48, 0x8d, 0x05, 0,    0,
                                              0,    0,    0xff, 0x10, 0x64, 0x48, 0x03, 0x04, 0x25,
                                              0,    0,    0,    0,    0x48, 0x83, 0xc4, 0x08, 0xc3};
/* mov %fs:0, %rax; add ?@gottpoff(%rip), %rax; ret */
static const uint8_t ojt_initial_exec_code[] = {0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0,   0,
                                                0x48, 0x03, 0x05, 0,    0,    0, 0, 0xc3};
/* mov %fs:0, %rax; add $?@tpoff, %rax; ret */
static const uint8_t ojt_local_exec_code[] = {0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x48, 0x05, 0, 0, 0, 0, 0xc3};
static const ojt_tls_row ojt_tls_rows[OJT_MODELS] = {
    {ojt_dynamic_code,
     sizeof ojt_dynamic_code,
     {{8, R_X86_64_TLSGD, -4, OJT_OF_VARIABLE}, {16, R_X86_64_PLT32, -4, OJT_OF_FUNCTION}}},
    {ojt_descriptor_code,
     sizeof ojt_descriptor_code,
     {{7, R_X86_64_GOTPC32_TLSDESC, -4, OJT_OF_VARIABLE}, {11, R_X86_64_TLSDESC_CALL, 0, OJT_OF_VARIABLE}}},
    {ojt_initial_exec_code, sizeof ojt_initial_exec_code, {{12, R_X86_64_GOTTPOFF, -4, OJT_OF_VARIABLE}}},
    {ojt_local_exec_code, sizeof ojt_local_exec_code, {{11, R_X86_64_TPOFF32, 0, OJT_OF_VARIABLE}}},
};

#elif defined(__i386__)

#define OJT_TLS_FUNCTION "___tls_get_addr"
/* push %ebx; call 1f; 1: pop %ebx; add $GOT, %ebx; sub $8, %esp; lea ?@tlsgd(,%ebx,1), %eax; call ?; add $8, %esp;
 * pop %ebx; ret */
static const uint8_t ojt_dynamic_code[] = {0x53, 0xe8, 0,    0,    0,    0,    0x5b, 0x81, 0xc3, 0,    0,
                                           0,    0,    0x83, 0xec, 0x08, 0x8d, 0x04, 0x1d, 0,    0,    0,
                                           0,    0xe8, 0,    0,    0,    0,    0x83, 0xc4, 0x08, 0x5b, 0xc3};
/* push %ebx; call 1f; 1: pop %ebx; add $GOT, %ebx; sub $8, %esp; lea ?@tlsdesc(%ebx), %eax; call *?@tlscall(%eax);
 * add %gs:0, %eax; add $8, %esp; pop %ebx; ret */
static const uint8_t ojt_descriptor_code[] = {0x53, 0xe8, 0,    0,    0,    0,    0x5b, 0x81, 0xc3, 0,    0,    0,
                                              0,    0x83, 0xec, 0x08, 0x8d, 0x83, 0,    0,    0,    0,    0xff, 0x10,
                                              0x65, 0x03, 0x05, 0,    0,    0,    0,    0x83, 0xc4, 0x08, 0x5b, 0xc3};
/* call 1f; 1: pop %eax; add $GOT, %eax; mov ?@gotntpoff(%eax), %eax; add %gs:0, %eax; ret */
static const uint8_t ojt_initial_exec_code[] = {0xe8, 0, 0, 0, 0,    0x58, 0x05, 0, 0, 0, 0, 0x8b, 0x80,
                                                0,    0, 0, 0, 0x65, 0x03, 0x05, 0, 0, 0, 0, 0xc3};
/* lea ?@ntpoff, %eax; add %gs:0, %eax; ret */
static const uint8_t ojt_local_exec_code[] = {0x8d, 0x05, 0, 0, 0, 0, 0x65, 0x03, 0x05, 0, 0, 0, 0, 0xc3};
static const ojt_tls_row ojt_tls_rows[OJT_MODELS] = {
    {ojt_dynamic_code,
     sizeof ojt_dynamic_code,
     {{9, R_386_GOTPC, 3, OJT_OF_GOT}, {19, R_386_TLS_GD, 0, OJT_OF_VARIABLE}, {24, R_386_PLT32, -4, OJT_OF_FUNCTION}}},
    {ojt_descriptor_code,
     sizeof ojt_descriptor_code,
     {{9, R_386_GOTPC, 3, OJT_OF_GOT},
      {18, R_386_TLS_GOTDESC, 0, OJT_OF_VARIABLE},
      {22, R_386_TLS_DESC_CALL, 0, OJT_OF_VARIABLE}}},
    {ojt_initial_exec_code,
     sizeof ojt_initial_exec_code,
     {{7, R_386_GOTPC, 2, OJT_OF_GOT}, {13, R_386_TLS_GOTIE, 0, OJT_OF_VARIABLE}}},
    {ojt_local_exec_code, sizeof ojt_local_exec_code, {{2, R_386_TLS_LE, 0, OJT_OF_VARIABLE}}},
};

#elif defined(__aarch64__)

#define OJT_TLS_FUNCTION "__tls_get_addr"
/* str x30, [sp, #-16]!; adrp x0, :tlsgd:?; add x0, x0, :tlsgd_lo12:?; bl ?; nop; ldr x30, [sp], #16; ret */
static const uint8_t ojt_dynamic_code[] = {0xfe, 0x0f, 0x1f, 0xf8, 0,    0,    0,    0x90, 0,    0,
                                           0,    0x91, 0,    0,    0,    0x94, 0x1f, 0x20, 0x03, 0xd5,
                                           0xfe, 0x07, 0x41, 0xf8, 0xc0, 0x03, 0x5f, 0xd6};
/* str x30, [sp, #-16]!; mrs x1, tpidr_el0; adrp x0, :tlsdesc:?; ldr x2, [x0, :tlsdesc_lo12:?]; add x0, x0,
 * :tlsdesc_lo12:?; blr x2; add x0, x1, x0; ldr x30, [sp], #16; ret */
static const uint8_t ojt_descriptor_code[] = {0xfe, 0x0f, 0x1f, 0xf8, 0x41, 0xd0, 0x3b, 0xd5, 0,    0,    0,    0x90,
                                              0x02, 0,    0x40, 0xf9, 0,    0,    0,    0x91, 0x40, 0,    0x3f, 0xd6,
                                              0x20, 0,    0,    0x8b, 0xfe, 0x07, 0x41, 0xf8, 0xc0, 0x03, 0x5f, 0xd6};
/* adrp x0, :gottprel:?; ldr x0, [x0, :gottprel_lo12:?]; mrs x1, tpidr_el0; add x0, x1, x0; ret */
static const uint8_t ojt_initial_exec_code[] = {0,    0,    0,    0x90, 0, 0,    0x40, 0xf9, 0x41, 0xd0,
                                                0x3b, 0xd5, 0x20, 0,    0, 0x8b, 0xc0, 0x03, 0x5f, 0xd6};
/* mrs x0, tpidr_el0; add x0, x0, :tprel_hi12:?, lsl #12; add x0, x0, :tprel_lo12_nc:?; ret */
static const uint8_t ojt_local_exec_code[] = {0x40, 0xd0, 0x3b, 0xd5, 0,    0,    0x40, 0x91,
                                              0,    0,    0,    0x91, 0xc0, 0x03, 0x5f, 0xd6};
static const ojt_tls_row ojt_tls_rows[OJT_MODELS] = {
    {ojt_dynamic_code,
     sizeof ojt_dynamic_code,
     {{4, R_AARCH64_TLSGD_ADR_PAGE21, 0, OJT_OF_VARIABLE},
      {8, R_AARCH64_TLSGD_ADD_LO12_NC, 0, OJT_OF_VARIABLE},
      {12, R_AARCH64_CALL26, 0, OJT_OF_FUNCTION}}},
    {ojt_descriptor_code,
     sizeof ojt_descriptor_code,
     {{8, R_AARCH64_TLSDESC_ADR_PAGE21, 0, OJT_OF_VARIABLE},
      {12, R_AARCH64_TLSDESC_LD64_LO12, 0, OJT_OF_VARIABLE},
      {16, R_AARCH64_TLSDESC_ADD_LO12, 0, OJT_OF_VARIABLE},
      {20, R_AARCH64_TLSDESC_CALL, 0, OJT_OF_VARIABLE}}},
    {ojt_initial_exec_code,
     sizeof ojt_initial_exec_code,
     {{0, R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21, 0, OJT_OF_VARIABLE},
      {4, R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC, 0, OJT_OF_VARIABLE}}},
    {ojt_local_exec_code,
     sizeof ojt_local_exec_code,
     {{4, R_AARCH64_TLSLE_ADD_TPREL_HI12, 0, OJT_OF_VARIABLE},
      {8, R_AARCH64_TLSLE_ADD_TPREL_LO12_NC, 0, OJT_OF_VARIABLE}}},
};

#elif defined(__arm__)

#define OJT_TLS_FUNCTION "__tls_get_addr"
/* ldr r0, 1f; push {r4, lr}; add r0, pc, r0; bl ?; pop {r4, pc}; 1: .word ?(tlsgd) */
static const uint8_t ojt_dynamic_code[] = {0x0c, 0, 0x9f, 0xe5, 0x10, 0x40, 0x2d, 0xe9, 0, 0, 0x8f, 0xe0,
                                           0,    0, 0,    0xeb, 0x10, 0x80, 0xbd, 0xe8, 0, 0, 0,    0};
/* ldr r0, 1f; mrc p15, 0, r3, c13, c0, 3; push {lr}; bl ?(tlscall); add r0, r3, r0; pop {pc}; 1: .word ?(tlsdesc) */
static const uint8_t ojt_descriptor_code[] = {0x10, 0,    0x9f, 0xe5, 0x70, 0x3f, 0x1d, 0xee, 0x04, 0xe0,
                                              0x2d, 0xe5, 0,    0,    0,    0xeb, 0,    0,    0x83, 0xe0,
                                              0x04, 0xf0, 0x9d, 0xe4, 0,    0,    0,    0};
/* ldr r3, 1f; mrc p15, 0, r0, c13, c0, 3; ldr r3, [pc, r3]; add r0, r0, r3; bx lr; 1: .word ?(gottpoff) */
static const uint8_t ojt_initial_exec_code[] = {0x0c, 0x30, 0x9f, 0xe5, 0x70, 0x0f, 0x1d, 0xee, 0x03, 0x30, 0x9f, 0xe7,
                                                0x03, 0,    0x80, 0xe0, 0x1e, 0xff, 0x2f, 0xe1, 0,    0,    0,    0};
/* ldr r0, 1f; mrc p15, 0, r3, c13, c0, 3; add r0, r0, r3; bx lr; 1: .word ?(tpoff) */
static const uint8_t ojt_local_exec_code[] = {0x08, 0,    0x9f, 0xe5, 0x70, 0x3f, 0x1d, 0xee, 0x03, 0,
                                              0x80, 0xe0, 0x1e, 0xff, 0x2f, 0xe1, 0,    0,    0,    0};
static const ojt_tls_row ojt_tls_rows[OJT_MODELS] = {
    {ojt_dynamic_code,
     sizeof ojt_dynamic_code,
     {{12, R_ARM_CALL, -8, OJT_OF_FUNCTION}, {20, R_ARM_TLS_GD32, 4, OJT_OF_VARIABLE}}},
    {ojt_descriptor_code,
     sizeof ojt_descriptor_code,
     {{12, R_ARM_TLS_CALL, 0, OJT_OF_VARIABLE}, {24, R_ARM_TLS_GOTDESC, 12, OJT_OF_VARIABLE}}},
    {ojt_initial_exec_code, sizeof ojt_initial_exec_code, {{20, R_ARM_TLS_IE32, 4, OJT_OF_VARIABLE}}},
    {ojt_local_exec_code, sizeof ojt_local_exec_code, {{16, R_ARM_TLS_LE32, 0, OJT_OF_VARIABLE}}},
};

#elif defined(__riscv)

#define OJT_TLS_FUNCTION "__tls_get_addr"
/* Later than many an elf.h. */
enum { OJT_RISCV_DESC_HI20 = 62, OJT_RISCV_DESC_LOAD_LO12, OJT_RISCV_DESC_ADD_LO12, OJT_RISCV_DESC_CALL };
/* auipc a0, ?; addi a0, a0, ?; addi sp, sp, -16; sd ra, 8(sp); auipc ra, ?; jalr ra, ?(ra); ld ra, 8(sp); addi sp,
 * sp, 16; ret */
static const uint8_t ojt_dynamic_code[] = {0x17, 0x05, 0,    0, 0x13, 0x05, 0x05, 0,    0x13, 0x01, 0x01, 0xff,
                                           0x23, 0x34, 0x11, 0, 0x97, 0,    0,    0,    0xe7, 0x80, 0,    0,
                                           0x83, 0x30, 0x81, 0, 0x13, 0x01, 0x01, 0x01, 0x67, 0x80, 0,    0};
/* auipc a0, ?; ld a1, ?(a0); addi a0, a0, ?; jalr t0, a1; add a0, a0, tp; ret */
static const uint8_t ojt_descriptor_code[] = {0x17, 0x05, 0,    0, 0x83, 0x35, 0x05, 0, 0x13, 0x05, 0x05, 0,
                                              0xe7, 0x82, 0x05, 0, 0x33, 0x05, 0x45, 0, 0x67, 0x80, 0,    0};
/* auipc a0, ?; ld a0, ?(a0); add a0, a0, tp; ret */
static const uint8_t ojt_initial_exec_code[] = {0x17, 0x05, 0,    0, 0x03, 0x35, 0x05, 0,
                                                0x33, 0x05, 0x45, 0, 0x67, 0x80, 0,    0};
/* lui a0, ?; add a0, a0, tp; addi a0, a0, ?; ret */
static const uint8_t ojt_local_exec_code[] = {0x37, 0x05, 0,    0, 0x33, 0x05, 0x45, 0,
                                              0x13, 0x05, 0x05, 0, 0x67, 0x80, 0,    0};
static const ojt_tls_row ojt_tls_rows[OJT_MODELS] = {
    {ojt_dynamic_code,
     sizeof ojt_dynamic_code,
     {{0, R_RISCV_TLS_GD_HI20, 0, OJT_OF_VARIABLE},
      {4, R_RISCV_PCREL_LO12_I, 0, OJT_OF_CODE},
      {16, R_RISCV_CALL_PLT, 0, OJT_OF_FUNCTION}}},
    {ojt_descriptor_code,
     sizeof ojt_descriptor_code,
     {{0, OJT_RISCV_DESC_HI20, 0, OJT_OF_VARIABLE},
      {4, OJT_RISCV_DESC_LOAD_LO12, 0, OJT_OF_CODE},
      {8, OJT_RISCV_DESC_ADD_LO12, 0, OJT_OF_CODE},
      {12, OJT_RISCV_DESC_CALL, 0, OJT_OF_CODE}}},
    {ojt_initial_exec_code,
     sizeof ojt_initial_exec_code,
     {{0, R_RISCV_TLS_GOT_HI20, 0, OJT_OF_VARIABLE}, {4, R_RISCV_PCREL_LO12_I, 0, OJT_OF_CODE}}},
    {ojt_local_exec_code,
     sizeof ojt_local_exec_code,
     {{0, R_RISCV_TPREL_HI20, 0, OJT_OF_VARIABLE},
      {4, R_RISCV_TPREL_ADD, 0, OJT_OF_VARIABLE},
      {8, R_RISCV_TPREL_LO12_I, 0, OJT_OF_VARIABLE}}},
};

#elif defined(__s390x__)

#define OJT_TLS_FUNCTION "__tls_get_offset"
/* It has no descriptors. */
/* stmg %r12, %r15, 96(%r15); lay %r15, -160(%r15); larl %r12, GOT; larl %r1, 1f; lg %r2, 0(%r1); brasl %r14, ?; ear
 * %r1, %a0; sllg %r1, %r1, 32; ear %r1, %a1; lmg %r12, %r15, 256(%r15); la %r2, 0(%r2,%r1); br %r14; nopr; 1: .quad
 * ?@tlsgd */
static const uint8_t ojt_dynamic_code[] = {
    0xeb, 0xcf, 0xf0, 0x60, 0,    0x24, 0xe3, 0xf0, 0xff, 0x60, 0xff, 0x71, 0xc0, 0xc0, 0,    0,    0,    0,
    0xc0, 0x10, 0,    0,    0,    0x17, 0xe3, 0x20, 0x10, 0,    0,    0x04, 0xc0, 0xe5, 0,    0,    0,    0,
    0xb2, 0x4f, 0,    0x10, 0xeb, 0x11, 0,    0x20, 0,    0x0d, 0xb2, 0x4f, 0,    0x11, 0xeb, 0xcf, 0xf1, 0,
    0,    0x04, 0x41, 0x22, 0x10, 0,    0x07, 0xfe, 0x07, 0,    0,    0,    0,    0,    0,    0,    0,    0};
/* larl %r1, ?@indntpoff; ear %r2, %a0; sllg %r2, %r2, 32; ear %r2, %a1; ag %r2, 0(%r1); br %r14 */
static const uint8_t ojt_initial_exec_code[] = {0xc0, 0x10, 0,    0,    0, 0,    0xb2, 0x4f, 0, 0x20,
                                                0xeb, 0x22, 0,    0x20, 0, 0x0d, 0xb2, 0x4f, 0, 0x21,
                                                0xe3, 0x20, 0x10, 0,    0, 0x08, 0x07, 0xfe};
/* ear %r2, %a0; larl %r1, 1f; lg %r1, 0(%r1); sllg %r2, %r2, 32; ear %r2, %a1; la %r2, 0(%r2,%r1); br %r14; 1: .quad
 * ?@ntpoff */
static const uint8_t ojt_local_exec_code[] = {
    0xb2, 0x4f, 0,    0x20, 0xc0, 0x10, 0,    0,    0,    0x0e, 0xe3, 0x10, 0x10, 0, 0, 0x04, 0xeb, 0x22, 0, 0x20,
    0,    0x0d, 0xb2, 0x4f, 0,    0x21, 0x41, 0x22, 0x10, 0,    0x07, 0xfe, 0,    0, 0, 0,    0,    0,    0, 0};
static const ojt_tls_row ojt_tls_rows[OJT_MODELS] = {
    {ojt_dynamic_code,
     sizeof ojt_dynamic_code,
     {{14, R_390_GOTPCDBL, 2, OJT_OF_GOT},
      {30, R_390_TLS_GDCALL, 0, OJT_OF_VARIABLE},
      {32, R_390_PLT32DBL, 2, OJT_OF_FUNCTION},
      {64, R_390_TLS_GD64, 0, OJT_OF_VARIABLE}}},
    {ojt_dynamic_code,
     sizeof ojt_dynamic_code,
     {{14, R_390_GOTPCDBL, 2, OJT_OF_GOT},
      {30, R_390_TLS_GDCALL, 0, OJT_OF_VARIABLE},
      {32, R_390_PLT32DBL, 2, OJT_OF_FUNCTION},
      {64, R_390_TLS_GD64, 0, OJT_OF_VARIABLE}}},
    {ojt_initial_exec_code, sizeof ojt_initial_exec_code, {{2, R_390_TLS_IEENT, 2, OJT_OF_VARIABLE}}},
    {ojt_local_exec_code, sizeof ojt_local_exec_code, {{32, R_390_TLS_LE64, 0, OJT_OF_VARIABLE}}},
};

#else
#error "tests/support/machine_tls.h has no code of this architecture"
#endif

#endif
