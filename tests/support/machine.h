/* Code of the architecture that this was compiled for, for tests that run what they link: a function that returns a
 * number, one that calls another, one that loads a variable through the GOT. What a test says of another architecture
 * it sets in the machine field of its objects. */
#ifndef OJT_MACHINE_H
#define OJT_MACHINE_H

#include "base/base.h"
#include "support/test.h"

#include <ownjit/code.h>

#include <elf.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A relocation in one of the functions here. */
typedef struct ojt_fixup {
    uint64_t offset;
    uint32_t type;
    int64_t addend;
    bool is_of_code; /* its symbol is the function's own */
} ojt_fixup;

/* OJT_R_ADDR stores an address in a word. OJT_CALL_FIELD is where the calling function's relocation is. */

#if defined(__x86_64__)

enum { OJT_MACHINE = EM_X86_64, OJT_R_ADDR = R_X86_64_64, OJT_R_WORD_DISTANCE = R_X86_64_PC32 };
enum { OJT_RETURN_SIZE = 6, OJT_CALL_FIELD = 5, OJT_R_CALL = R_X86_64_PLT32, OJT_CALL_ADDEND = -4 };
#define OJT_CALL_NAME "R_X86_64_PLT32"
#define OJT_ADDR_NAME "R_X86_64_64"
/* sub $8, %rsp; call ?; add $8, %rsp; inc %eax; ret */
static const uint8_t ojt_calling_code[] = {0x48, 0x83, 0xec, 0x08, 0xe8, 0,    0,    0,
                                           0,    0x48, 0x83, 0xc4, 0x08, 0xff, 0xc0, 0xc3};
/* mov ?@GOTPCREL(%rip), %rax; mov (%rax), %eax; ret */
static const uint8_t ojt_loading_code[] = {0x48, 0x8b, 0x05, 0, 0, 0, 0, 0x8b, 0x00, 0xc3};
static const ojt_fixup ojt_loading_fixups[] = {{3, R_X86_64_REX_GOTPCRELX, -4, false}};
/* lea 8, %rax; ret; and there: mov $7, %eax; ret */
static const uint8_t ojt_choosing_code[] = {0x48, 0x8d, 5, 1, 0, 0, 0, 0xc3, 0xb8, 7, 0, 0, 0, 0xc3};
/* xor %eax, %eax; ret */
static const uint8_t ojt_choosing_nothing[] = {0x31, 0xc0, 0xc3};

#elif defined(__i386__)

enum { OJT_MACHINE = EM_386, OJT_R_ADDR = R_386_32, OJT_R_WORD_DISTANCE = R_386_PC32 };
enum { OJT_RETURN_SIZE = 6, OJT_CALL_FIELD = 4, OJT_R_CALL = R_386_PLT32, OJT_CALL_ADDEND = -4 };
#define OJT_CALL_NAME "R_386_PLT32"
#define OJT_ADDR_NAME "R_386_32"
/* sub $12, %esp; call ?; add $12, %esp; inc %eax; ret */
static const uint8_t ojt_calling_code[] = {0x83, 0xec, 0x0c, 0xe8, 0, 0, 0, 0, 0x83, 0xc4, 0x0c, 0x40, 0xc3};
/* mov ?@GOT, %eax; mov (%eax), %eax; ret */
static const uint8_t ojt_loading_code[] = {0x8b, 0x05, 0, 0, 0, 0, 0x8b, 0x00, 0xc3};
static const ojt_fixup ojt_loading_fixups[] = {{2, R_386_GOT32X, 0, false}};
/* call 5; pop %eax; add $5, %eax; ret; and at 10: mov $7, %eax; ret */
static const uint8_t ojt_choosing_code[] = {0xe8, 0, 0, 0, 0, 0x58, 0x83, 0xc0, 5, 0xc3, 0xb8, 7, 0, 0, 0, 0xc3};
/* xor %eax, %eax; ret */
static const uint8_t ojt_choosing_nothing[] = {0x31, 0xc0, 0xc3};

#elif defined(__aarch64__)

enum { OJT_MACHINE = EM_AARCH64, OJT_R_ADDR = R_AARCH64_ABS64, OJT_R_WORD_DISTANCE = R_AARCH64_PREL32 };
enum { OJT_RETURN_SIZE = 12, OJT_CALL_FIELD = 4, OJT_R_CALL = R_AARCH64_CALL26, OJT_CALL_ADDEND = 0 };
#define OJT_CALL_NAME "R_AARCH64_CALL26"
#define OJT_ADDR_NAME "R_AARCH64_ABS64"
/* stp x29, x30, [sp, #-16]!; bl ?; add w0, w0, #1; ldp x29, x30, [sp], #16; ret */
static const uint8_t ojt_calling_code[] = {0xfd, 0x7b, 0xbf, 0xa9, 0,    0,    0,    0x94, 0x00, 0x04,
                                           0x00, 0x11, 0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6};
/* adrp x0, :got:?; ldr x0, [x0, :got_lo12:?]; ldr w0, [x0]; ret */
static const uint8_t ojt_loading_code[] = {0x00, 0x00, 0x00, 0x90, 0x00, 0x00, 0x40, 0xf9,
                                           0x00, 0x00, 0x40, 0xb9, 0xc0, 0x03, 0x5f, 0xd6};
static const ojt_fixup ojt_loading_fixups[] = {{0, R_AARCH64_ADR_GOT_PAGE, 0, false},
                                               {4, R_AARCH64_LD64_GOT_LO12_NC, 0, false}};
/* adr x0, 8; ret; and there: mov w0, #7; ret */
static const uint8_t ojt_choosing_code[] = {0x40, 0, 0,    0x10, 0xc0, 3, 0x5f, 0xd6,
                                            0xe0, 0, 0x80, 0x52, 0xc0, 3, 0x5f, 0xd6};
/* mov x0, #0; ret */
static const uint8_t ojt_choosing_nothing[] = {0, 0, 0x80, 0xd2, 0xc0, 3, 0x5f, 0xd6};

#elif defined(__arm__)

enum { OJT_MACHINE = EM_ARM, OJT_R_ADDR = R_ARM_ABS32, OJT_R_WORD_DISTANCE = R_ARM_REL32 };
enum { OJT_RETURN_SIZE = 12, OJT_CALL_FIELD = 4, OJT_R_CALL = R_ARM_CALL, OJT_CALL_ADDEND = -8 };
#define OJT_CALL_NAME "R_ARM_CALL"
#define OJT_ADDR_NAME "R_ARM_ABS32"
/* push {r4, lr}; bl ?; add r0, r0, #1; pop {r4, pc} */
static const uint8_t ojt_calling_code[] = {0x10, 0x40, 0x2d, 0xe9, 0,    0,    0,    0xeb,
                                           0x01, 0x00, 0x80, 0xe2, 0x10, 0x80, 0xbd, 0xe8};
/* ldr r0, [pc, #8]; ldr r0, [pc, r0]; ldr r0, [r0]; bx lr; .word ?(GOT_PREL) */
static const uint8_t ojt_loading_code[] = {0x08, 0x00, 0x9f, 0xe5, 0x00, 0x00, 0x9f, 0xe7, 0x00, 0x00,
                                           0x90, 0xe5, 0x1e, 0xff, 0x2f, 0xe1, 0,    0,    0,    0};
static const ojt_fixup ojt_loading_fixups[] = {{16, R_ARM_GOT_PREL, 4, false}};
/* add r0, pc, #0; bx lr; and there: mov r0, #7; bx lr */
static const uint8_t ojt_choosing_code[] = {0, 0, 0x8f, 0xe2, 0x1e, 0xff, 0x2f, 0xe1,
                                            7, 0, 0xa0, 0xe3, 0x1e, 0xff, 0x2f, 0xe1};
/* mov r0, #0; bx lr */
static const uint8_t ojt_choosing_nothing[] = {0, 0, 0xa0, 0xe3, 0x1e, 0xff, 0x2f, 0xe1};

#elif defined(__riscv) && __riscv_xlen == 64

enum { OJT_MACHINE = EM_RISCV, OJT_R_ADDR = R_RISCV_64, OJT_R_WORD_DISTANCE = R_RISCV_32_PCREL };
enum { OJT_RETURN_SIZE = 12, OJT_CALL_FIELD = 8, OJT_R_CALL = R_RISCV_CALL_PLT, OJT_CALL_ADDEND = 0 };
#define OJT_CALL_NAME "R_RISCV_CALL_PLT"
#define OJT_ADDR_NAME "R_RISCV_64"
/* addi sp, sp, -16; sd ra, 8(sp); auipc ra, ?; jalr ra, ?(ra); addiw a0, a0, 1; ld ra, 8(sp); addi sp, sp, 16; ret */
static const uint8_t ojt_calling_code[] = {0x13, 0x01, 0x01, 0xff, 0x23, 0x34, 0x11, 0x00, 0x97, 0x00, 0x00,
                                           0x00, 0xe7, 0x80, 0x00, 0x00, 0x1b, 0x05, 0x15, 0x00, 0x83, 0x30,
                                           0x81, 0x00, 0x13, 0x01, 0x01, 0x01, 0x67, 0x80, 0x00, 0x00};
/* auipc a0, ?; ld a0, ?(a0); lw a0, 0(a0); ret */
static const uint8_t ojt_loading_code[] = {0x17, 0x05, 0x00, 0x00, 0x03, 0x35, 0x05, 0x00,
                                           0x03, 0x25, 0x05, 0x00, 0x67, 0x80, 0x00, 0x00};
static const ojt_fixup ojt_loading_fixups[] = {{0, R_RISCV_GOT_HI20, 0, false}, {4, R_RISCV_PCREL_LO12_I, 0, true}};
/* auipc a0, 0; addi a0, a0, 12; ret; and at 12: li a0, 7; ret */
static const uint8_t ojt_choosing_code[] = {0x17, 5, 0,    0, 0x13, 5, 0xc5, 0,    0x67, 0x80,
                                            0,    0, 0x13, 5, 0x70, 0, 0x67, 0x80, 0,    0};
/* li a0, 0; ret */
static const uint8_t ojt_choosing_nothing[] = {0x13, 5, 0, 0, 0x67, 0x80, 0, 0};

#elif defined(__s390x__)

enum { OJT_MACHINE = EM_S390, OJT_R_ADDR = R_390_64, OJT_R_WORD_DISTANCE = R_390_PC32 };
enum { OJT_RETURN_SIZE = 8, OJT_CALL_FIELD = 12, OJT_R_CALL = R_390_PLT32DBL, OJT_CALL_ADDEND = 2 };
#define OJT_CALL_NAME "R_390_PLT32DBL"
#define OJT_ADDR_NAME "R_390_64"
/* stmg %r14, %r15, 112(%r15); aghi %r15, -160; brasl %r14, ?; ahi %r2, 1; lmg %r14, %r15, 272(%r15); br %r14 */
static const uint8_t ojt_calling_code[] = {0xeb, 0xef, 0xf0, 0x70, 0x00, 0x24, 0xa7, 0xfb, 0xff, 0x60,
                                           0xc0, 0xe5, 0,    0,    0,    0,    0xa7, 0x2a, 0x00, 0x01,
                                           0xeb, 0xef, 0xf1, 0x10, 0x00, 0x04, 0x07, 0xfe};
/* lgrl %r1, ?@GOTENT; lgf %r2, 0(%r1); br %r14 */
static const uint8_t ojt_loading_code[] = {0xc4, 0x18, 0, 0, 0, 0, 0xe3, 0x20, 0x10, 0x00, 0x00, 0x14, 0x07, 0xfe};
static const ojt_fixup ojt_loading_fixups[] = {{2, R_390_GOTENT, 2, false}};
/* larl %r2, 8; br %r14; and there: lghi %r2, 7; br %r14 */
static const uint8_t ojt_choosing_code[] = {0xc0, 0x20, 0, 0, 0, 4, 7, 0xfe, 0xa7, 0x29, 0, 7, 7, 0xfe};
/* lghi %r2, 0; br %r14 */
static const uint8_t ojt_choosing_nothing[] = {0xa7, 0x29, 0, 0, 7, 0xfe};

#else
#error "tests/support/machine.h has no code of this architecture"
#endif

/* First in a test of what other architectures have not, or have in other sizes and numbers, with the reason. */
static inline void ojt_only_on(uint16_t machine, const char *reason)
{
    if (OJT_MACHINE != machine) {
        print_message("skipped: %s\n", reason);
        skip();
    }
}

/* First in a test of code that x86-64 and i386 have alike: no-operations, loads of constants, near branches. */
static inline void ojt_only_on_x86(const char *reason)
{
    if (OJT_MACHINE != EM_386)
        ojt_only_on(EM_X86_64, reason);
}

/* First in a test of addresses or sizes beyond 32 bits. */
static inline void ojt_needs_64_bits(const char *reason)
{
    if (sizeof(void *) < 8) {
        print_message("skipped: %s\n", reason);
        skip();
    }
}

/* Write the code of a function that returns `value`: a load of a constant, and a return. */
static inline const uint8_t *ojt_return_code(uint8_t code[OJT_RETURN_SIZE], uint32_t value)
{
#if defined(__x86_64__) || defined(__i386__)
    code[0] = 0xb8;
    oji_store32(code + 1, value);
    code[5] = 0xc3;
#elif defined(__aarch64__)
    oji_store32(code, 0x52800000 | (value & 0xffff) << 5);
    oji_store32(code + 4, 0x72a00000 | value >> 16 << 5);
    oji_store32(code + 8, 0xd65f03c0);
#elif defined(__arm__)
    oji_store32(code, 0xe3000000 | (value & 0xf000) << 4 | (value & 0xfff));
    oji_store32(code + 4, 0xe3400000 | (value >> 28) << 16 | (value >> 16 & 0xfff));
    oji_store32(code + 8, 0xe12fff1e);
#elif defined(__riscv)
    oji_store32(code, 0x00000537 | ((value + 0x800) & 0xfffff000));
    oji_store32(code + 4, 0x0005051b | (value & 0xfff) << 20);
    oji_store32(code + 8, 0x00008067);
#elif defined(__s390x__)
    oji_store16be(code, 0xc021);
    oji_store32be(code + 2, value);
    oji_store16be(code + 6, 0x07fe);
#endif
    return code;
}

/* What makes ojt_return_code()'s function return another value: OJT_CHANGE_SIZE bytes at OJT_CHANGE_OFFSET, patched
 * with these flags. Where a constant is spread over instructions no thread may run them meanwhile. */
#if defined(__x86_64__) || defined(__i386__)
enum { OJT_CHANGE_OFFSET = 1, OJT_CHANGE_SIZE = 4, OJT_CHANGE_FLAGS = 0 };
#elif defined(__s390x__)
enum { OJT_CHANGE_OFFSET = 2, OJT_CHANGE_SIZE = 4, OJT_CHANGE_FLAGS = OJ_PATCH_STOPPED };
#else
enum { OJT_CHANGE_OFFSET = 0, OJT_CHANGE_SIZE = OJT_RETURN_SIZE, OJT_CHANGE_FLAGS = OJ_PATCH_STOPPED };
#endif

static inline const uint8_t *ojt_change(uint8_t code[OJT_RETURN_SIZE], uint32_t value)
{
    return ojt_return_code(code, value) + OJT_CHANGE_OFFSET;
}

/* What the C library calls for mmap(), fcntl() and ftruncate() where files have 64-bit offsets and words have not. */
#ifdef SYS_mmap2
enum { OJT_SYS_MMAP = SYS_mmap2, OJT_SYS_FCNTL = SYS_fcntl64, OJT_SYS_FTRUNCATE = SYS_ftruncate64 };
#else
enum { OJT_SYS_MMAP = SYS_mmap, OJT_SYS_FCNTL = SYS_fcntl, OJT_SYS_FTRUNCATE = SYS_ftruncate };
#endif

/* A fork that the C library does not see: newer architectures have no such call, and s390 its arguments in another
 * order. */
static inline pid_t ojt_bare_fork(void)
{
#if defined(SYS_fork)
    return (pid_t)syscall(SYS_fork);
#elif defined(__s390x__)
    return (pid_t)syscall(SYS_clone, 0, SIGCHLD, 0, 0, 0);
#else
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

#endif
