/* Random assembly for test_link_cases.c: relocations with values at and near the edges of what they take, compared with
 * other linkers only. An architecture is a list of forms; nothing else here is about one. */
#ifndef OJT_RANDOM_CASES_H
#define OJT_RANDOM_CASES_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line of assembly with one symbol, "%s" in it. */
typedef struct random_form {
    const char *text;
    int64_t low;        /* least value of symbol (less the place, where it is relative), inclusive */
    int64_t high;       /* largest, inclusive */
    uint32_t alignment; /* of the value */
    int is_relative;
    uint32_t size; /* bytes of the line, 0 = 4 */
    /* The one linker that refuses what does not fit; NULL: both, "": the bounds are none of the field. */
    const char *oracle;
} random_form;

/* Symbols outside a link must be in reach of all of it, which is less than the widest fields hold: their edges are not
 * tried here. */
#define RANDOM_ANY INT64_MIN + 1, INT64_MAX

/* Others differ in what a 16-bit field takes, and in the sign of prel_g3: aarch64_data16_*.s,
 * aarch64_prel_g3_negative.s. */
static const random_form random_aarch64[] = {
    {.text = "b.ne %s", -(1 << 20), (1 << 20) - 4, 4, 1},
    {.text = "cbnz x3, %s", -(1 << 20), (1 << 20) - 4, 4, 1},
    {.text = "tbnz x9, #40, %s", -(1 << 15), (1 << 15) - 4, 4, 1},
    {.text = "ldr x7, %s", -(1 << 20), (1 << 20) - 4, 4, 1},
    {.text = "adr x8, %s", -(1 << 20), (1 << 20) - 1, 1, 1},
    {.text = "adrp x10, %s", -INT64_C(0x7e000000), INT64_C(0x7e000000), 1, 1, .oracle = ""},
    {.text = "adrp x11, :pg_hi21_nc:%s", RANDOM_ANY, 1, 0},
    {.text = "add x1, x2, :lo12:%s", RANDOM_ANY, 1, 0},
    {.text = "ldrb w1, [x2, :lo12:%s]", RANDOM_ANY, 1, 0},
    {.text = "strh w1, [x2, :lo12:%s]", RANDOM_ANY, 2, 0},
    {.text = "ldr w1, [x2, :lo12:%s]", RANDOM_ANY, 4, 0},
    {.text = "str x1, [x2, :lo12:%s]", RANDOM_ANY, 8, 0},
    {.text = "ldr q1, [x2, :lo12:%s]", RANDOM_ANY, 16, 0},
    {.text = "movz x1, #:abs_g0:%s", 0, 0xffff, 1, 0},
    {.text = "movz x1, #:abs_g1:%s", 0, INT64_C(0xffffffff), 1, 0},
    {.text = "movz x1, #:abs_g2:%s", 0, INT64_C(0xffffffffffff), 1, 0},
    {.text = "movz x1, #:abs_g3:%s", RANDOM_ANY, 1, 0},
    {.text = "movk x1, #:abs_g0_nc:%s", RANDOM_ANY, 1, 0},
    {.text = "movk x1, #:abs_g1_nc:%s", RANDOM_ANY, 1, 0},
    {.text = "movk x1, #:abs_g2_nc:%s", RANDOM_ANY, 1, 0},
    {.text = "movz x1, #:abs_g0_s:%s", -0x10000, 0xffff, 1, 0},
    {.text = "movz x1, #:abs_g1_s:%s", -INT64_C(0x100000000), INT64_C(0xffffffff), 1, 0},
    {.text = "movz x1, #:abs_g2_s:%s", -INT64_C(0x1000000000000), INT64_C(0xffffffffffff), 1, 0},
    {.text = ".word %s - .", -INT64_C(0x7e000000), INT64_C(0x7e000000), 1, 1, .oracle = ""},
    {.text = ".word %s", 0, INT64_C(0xffffffff), 1, 0},
    {.text = ".hword %s, 0", 0, 0xffff, 1, 0, .oracle = ""},
    {.text = ".hword %s - ., 0", -0x8000, 0x7fff, 1, 1, .oracle = ""},
    {.text = ".xword %s - .", RANDOM_ANY, 1, 1, 8},
    {.text = ".xword %s", RANDOM_ANY, 1, 0, 8},
    {.text = "movz x1, #:prel_g0:%s", -0x10000, 0xffff, 1, 1},
    {.text = "movk x1, #:prel_g0_nc:%s", RANDOM_ANY, 1, 1},
    {.text = "movz x1, #:prel_g1:%s", -INT64_C(0x7e000000), INT64_C(0x7e000000), 1, 1, .oracle = ""},
    {.text = "movk x1, #:prel_g1_nc:%s", RANDOM_ANY, 1, 1},
    {.text = "movz x1, #:prel_g2:%s", -INT64_C(0x1000000000000), INT64_C(0xffffffffffff), 1, 1},
    {.text = "movk x1, #:prel_g2_nc:%s", RANDOM_ANY, 1, 1},
    {.text = "movz x1, #:prel_g3:%s", 0, INT64_MAX, 1, 1, .oracle = ""},
};

/* GNU ld drops the bits of some that do not fit. */
static const random_form random_s390x[] = {
    {.text = "larl %%r1, %s", -INT64_C(0x7e000000), INT64_C(0x7e000000), 2, 1, 6, .oracle = ""},
    {.text = "lgrl %%r1, %s", -INT64_C(0x7e000000), INT64_C(0x7e000000), 8, 1, 6, .oracle = ""},
    {.text = "brc 8, %s", -(1 << 16), (1 << 16) - 2, 2, 1, 4, .oracle = "lld"},
    {.text = "brct %%r3, %s", -(1 << 16), (1 << 16) - 2, 2, 1, 4, .oracle = "lld"},
    {.text = "clgrj %%r1, %%r2, 8, %s", -(1 << 16), (1 << 16) - 2, 2, 1, 6, .oracle = "lld"},
    {.text = "bprp 5, %s, 0", -(1 << 12), (1 << 12) - 2, 2, 1, 6, .oracle = "lld"},
    {.text = "bprp 5, 0, %s", -(1 << 24), (1 << 24) - 2, 2, 1, 6, .oracle = "lld"},
    {.text = "bpp 5, %s, 0(%%r1)", -(1 << 16), (1 << 16) - 2, 2, 1, 6, .oracle = "lld"},
    {.text = "l %%r1, %s(%%r2)", 0, 0xfff, 1, 0, 4, .oracle = "lld"},
    {.text = "mvi %s(%%r2), 9", 0, 0xfff, 1, 0, 4, .oracle = "lld"},
    {.text = "lg %%r1, %s(%%r2, %%r3)", -(1 << 19), (1 << 19) - 1, 1, 0, 6, .oracle = "lld"},
    {.text = "stmg %%r1, %%r4, %s(%%r2)", -(1 << 19), (1 << 19) - 1, 1, 0, 6, .oracle = "lld"},
    {.text = "lghi %%r1, %s", -(1 << 15), (1 << 16) - 1, 1, 0, 4, .oracle = "lld"},
    {.text = ".long %s", 0, INT64_C(0xffffffff), 1, 0, 4, .oracle = "lld"},
    {.text = ".quad %s", RANDOM_ANY, 1, 0, 8, .oracle = "lld"},
    {.text = ".quad %s - .", RANDOM_ANY, 1, 1, 8, .oracle = "lld"},
    {.text = ".long %s - .", -INT64_C(0x7e000000), INT64_C(0x7e000000), 1, 1, 4, .oracle = ""},
    {.text = ".short %s", -(1 << 15), (1 << 16) - 1, 1, 0, 2, .oracle = "lld"},
};

/* Out of reach of code at RANDOM_CODE. */
#define RANDOM_FAR INT64_C(0x10000000000), INT64_C(0x7fffffffffff)

/* Fields of 32 bits wrap: every address can be named. */
#define RANDOM_ANY32 0, INT64_C(0xffffffff)

/* Distances count from the instruction, 8 bytes less for what counts from PC. Branches are not here: a symbol outside
 * the link gets a stub ready, which other linkers add only where it is used. */
static const random_form random_a32[] = {
    {.text = "movw r1, #:lower16:%s", RANDOM_ANY32, 1},
    {.text = "movt r1, #:upper16:%s", RANDOM_ANY32, 1},
    {.text = "movw r2, #:lower16:(%s - .)", RANDOM_ANY32, 1, 1},
    {.text = "movt r2, #:upper16:(%s - .)", RANDOM_ANY32, 1, 1},
    {.text = ".word %s", RANDOM_ANY32, 1},
    {.text = ".word %s - .", RANDOM_ANY32, 1, 1},
    {.text = ".word %s(target1)", RANDOM_ANY32, 1},
    {.text = ".word %s + 0x7fffffff", RANDOM_ANY32, 1},
    {.text = "add r0, pc, #:pc_g0_nc:(%s - 8)", -0xfffff00, 0x7fffff00, 1, 1, .oracle = ""},
    {.text = "add r0, pc, #:pc_g1_nc:(%s - 4)", -0xfffff00, 0x7fffff00, 1, 1, .oracle = ""},
    {.text = "add r0, pc, #:pc_g0:(%s)", -0xff, 0xff, 1, 1, .oracle = ""},
    {.text = "add r0, r0, #:pc_g1:(%s)", -0xffff, 0xffff, 1, 1, .oracle = ""},
    {.text = "add r0, r0, #:pc_g2:(%s)", -0xffffff, 0xffffff, 1, 1, .oracle = ""},
    {.text = "ldr r0, [pc, #:pc_g0:(%s - 8)]", -0xfff + 8, 0xfff + 8, 1, 1},
    {.text = "str r0, [r1, #:pc_g1:(%s)]", -0xfffff, 0xfffff, 1, 1, .oracle = ""},
    {.text = "ldr r0, [r1, #:pc_g2:(%s + 8)]", -0xfffff00, 0xfffffff - 8, 1, 1, .oracle = ""},
    {.text = "ldrd r0, [pc, #:pc_g0:(%s)]", -0xff, 0xff, 1, 1},
    {.text = "ldrh r0, [r1, #:pc_g1:(%s)]", -0xffff, 0xffff, 1, 1, .oracle = ""},
    {.text = "strd r2, [r1, #:pc_g2:(%s)]", -0xffffff, 0xffffff, 1, 1, .oracle = ""},
};

/* GNU ld takes loads forward only: arm_thumb_load_backward.s. */
static const random_form random_thumb[] = {
    {.text = "movw r1, #:lower16:%s", RANDOM_ANY32, 1},
    {.text = "movt r9, #:upper16:%s", RANDOM_ANY32, 1},
    {.text = "movw r2, #:lower16:(%s - .)", RANDOM_ANY32, 1, 1},
    {.text = "movt r2, #:upper16:(%s - .)", RANDOM_ANY32, 1, 1},
    {.text = ".word %s", RANDOM_ANY32, 1},
    {.text = ".word %s - .", RANDOM_ANY32, 1, 1},
    {.text = ".reloc ., R_ARM_THM_PC12, %s; ldr.w r3, [pc, #-4]", 4, 0xfff + 4, 1, 1, .oracle = ""},
    {.text = ".reloc ., R_ARM_THM_ALU_PREL_11_0, %s; .2byte 0xf2af, 0x0304", -0xfff + 4, 0xfff + 4, 1, 1},
    {.text = ".reloc ., R_ARM_THM_JUMP11, %s; .2byte 0xe7fe; nop", -0x800 + 4, 0x7fe + 4, 2, 1},
    {.text = ".reloc ., R_ARM_THM_JUMP8, %s; .2byte 0xd0fe; nop", -0x100 + 4, 0xfe + 4, 2, 1},
    {.text = ".reloc ., R_ARM_THM_PC8, %s; .2byte 0x49ff; nop", 4, 0x400, 4, 1, .oracle = "lld"},
};

static const random_form random_i386[] = {
    {.text = ".long %s", RANDOM_ANY32, 1},
    {.text = ".long %s - .", RANDOM_ANY32, 1, 1},
    {.text = ".long %s + 0x7fffffff", RANDOM_ANY32, 1},
    {.text = ".long %s@PLT", RANDOM_ANY32, 1, 1},
    {.text = ".2byte %s, 0", -0x8000, 0xffff, 1, 0, .oracle = "lld"},
    {.text = ".2byte %s - ., 0",
     -0x8000,
     0x7fff,
     1,
     1,
     .oracle = "none: both take one bit more, which 16-bit code wraps"},
    {.text = ".byte %s, 0, 0, 0", -0x80, 0xff, 1, 0, .oracle = "lld"},
    {.text = ".byte %s - ., 0, 0, 0", -0x80, 0x7f, 1, 1},
};

/* No lea: its symbol gets an entry ready, which other linkers never make. GNU ld drops the bits of some that do not
 *         fit. */
static const random_form random_x86_64[] = {
    {.text = ".quad %s", RANDOM_ANY, 1, 0, 8},
    {.text = ".quad %s - .", RANDOM_ANY, 1, 1, 8},
    {.text = "movabs $%s, %%rax", RANDOM_ANY, 1, 0, 10},
    {.text = ".long %s", 0, INT64_C(0xffffffff), 1, 0},
    {.text = "movl $%s, %%eax", 0, INT64_C(0xffffffff), 1, 0, 5},
    {.text = "movq $%s, %%rax", -INT64_C(0x80000000), INT64_C(0x7fffffff), 1, 0, 7},
    {.text = "movl %s(%%rax,%%rbx,4), %%ecx", -INT64_C(0x80000000), INT64_C(0x7fffffff), 1, 0, 7},
    {.text = ".long %s - .", -INT64_C(0x7e000000), INT64_C(0x7e000000), 1, 1, 4, .oracle = ""},
    {.text = "movl %s(%%rip), %%eax", -INT64_C(0x7e000000), INT64_C(0x7e000000), 1, 1, 6, .oracle = ""},
    {.text = "movl $1, %s(%%rip)", -INT64_C(0x7e000000), INT64_C(0x7e000000), 1, 1, 10, .oracle = ""},
    {.text = ".2byte %s, 0", -0x8000, 0xffff, 1, 0, .oracle = "lld"},
    {.text = ".2byte %s - ., 0", -0x8000, 0x7fff, 1, 1, .oracle = "lld"},
    {.text = ".byte %s, 0, 0, 0", -0x80, 0xff, 1, 0, .oracle = "lld"},
    {.text = ".byte %s - ., 0, 0, 0", -0x80, 0x7f, 1, 1},
};

/* Symbols out of reach: each needs its entry. GNU ld orders entries by a hash of their names. */
static const random_form random_x86_64_got[] = {
    {.text = "movq %s@GOTPCREL(%%rip), %%rax", RANDOM_FAR, 1, 0, 7, ""},
    {.text = "movl %s@GOTPCREL(%%rip), %%r10d", RANDOM_FAR, 1, 0, 7, ""},
    {.text = "movl %s@GOTPCREL(%%rip), %%ecx", RANDOM_FAR, 1, 0, 6, ""},
    {.text = "addq %s@GOTPCREL(%%rip), %%r15", RANDOM_FAR, 1, 0, 7, ""},
    {.text = "cmpq %s@GOTPCREL(%%rip), %%rbp", RANDOM_FAR, 1, 0, 7, ""},
    {.text = "testq %%rbx, %s@GOTPCREL(%%rip)", RANDOM_FAR, 1, 0, 7, ""},
    {.text = "pushq %s@GOTPCREL(%%rip)", RANDOM_FAR, 1, 0, 6, ""},
    {.text = "call *%s@GOTPCREL(%%rip)", RANDOM_FAR, 1, 0, 6, ""},
    {.text = "jmp *%s@GOTPCREL(%%rip)", RANDOM_FAR, 1, 0, 6, ""},
    {.text = "movq %s@GOTPCREL+4(%%rip), %%rdx", RANDOM_FAR, 1, 0, 7, ""},
};

/* SET32 takes any value; ld.lld-19 refuses what does not fit a signed one. */
#define RANDOM_RISCV(any, word)                                                                                   \
    {.text = "addi a0, a0, %%lo(%s)", any, 1, 0}, {.text = "lw a3, %%lo(%s)(a0)", any, 1, 0},                     \
        {.text = "sw a1, %%lo(%s)(a0)", any, 1, 0}, {.text = "fsw fa1, %%lo(%s)(a0)", any, 1, 0},                 \
        {.text = ".reloc ., R_RISCV_BRANCH, %s; .4byte 0x00b50063", -0x1000, 0xffe, 2, 1},                        \
        {.text = ".reloc ., R_RISCV_RVC_BRANCH, %s; .2byte 0xc101; c.nop", -0x100, 0xfe, 2, 1},                   \
        {.text = "1: auipc a0, %%pcrel_hi(%s); addi a0, a0, %%pcrel_lo(1b)", word, 1, 1, 8, .oracle = ""},        \
        {.text = "2: auipc a0, %%pcrel_hi(%s); sw a1, %%pcrel_lo(2b)(a0)", word, 1, 1, 8, .oracle = ""},          \
        {.text = ".4byte %s - .", word, 1, 1, .oracle = ""}, {.text = ".4byte %s", 0, INT64_C(0xffffffff), 1, 0}, \
        {.text = ".reloc ., R_RISCV_ADD8, %s; .4byte 0x81223344", any, 1, 0},                                     \
        {.text = ".reloc ., R_RISCV_ADD16, %s; .4byte 0x81223344", any, 1, 0},                                    \
        {.text = ".reloc ., R_RISCV_ADD32, %s; .4byte 0x81223344", any, 1, 0},                                    \
        {.text = ".reloc ., R_RISCV_SUB6, %s; .4byte 0x81223344", any, 1, 0},                                     \
        {.text = ".reloc ., R_RISCV_SUB8, %s; .4byte 0x81223344", any, 1, 0},                                     \
        {.text = ".reloc ., R_RISCV_SUB16, %s; .4byte 0x81223344", any, 1, 0},                                    \
        {.text = ".reloc ., R_RISCV_SUB32, %s; .4byte 0x81223344", any, 1, 0},                                    \
        {.text = ".reloc ., R_RISCV_SET6, %s; .4byte 0x812233c4", any, 1, 0},                                     \
        {.text = ".reloc ., R_RISCV_SET8, %s; .4byte 0x81223344", any, 1, 0},                                     \
        {.text = ".reloc ., R_RISCV_SET16, %s; .4byte 0x81223344", any, 1, 0},                                    \
    {                                                                                                             \
        .text = ".reloc ., R_RISCV_SET32, %s; .4byte 0x81223344", 0, 0x7fffffff, 1, 0, .oracle = ""               \
    }

#define RANDOM_NEAR -INT64_C(0x7e000000), INT64_C(0x7e000000)

static const random_form random_riscv64[] = {
    RANDOM_RISCV(RANDOM_ANY, RANDOM_NEAR),
    {.text = "lui a0, %%hi(%s)", -INT64_C(0x80000800), INT64_C(0x7ffff7ff), 1, 0},
    {.text = "ld a3, %%lo(%s)(a0)", RANDOM_ANY, 1, 0},
    {.text = ".8byte %s", RANDOM_ANY, 1, 0, 8},
    {.text = ".reloc ., R_RISCV_ADD64, %s; .8byte 0x8122334455667788", RANDOM_ANY, 1, 0, 8},
    {.text = ".reloc ., R_RISCV_SUB64, %s; .8byte 0x8122334455667788", RANDOM_ANY, 1, 0, 8},
};

static const random_form random_riscv32[] = {
    RANDOM_RISCV(RANDOM_ANY32, RANDOM_ANY32),
    {.text = "lui a0, %%hi(%s)", RANDOM_ANY32, 1, 0},
};

typedef struct random_list {
    const char *prefix;       /* of a case's name */
    const char *start;        /* of the assembly */
    uint64_t code;            /* address */
    uint64_t mask;            /* of addresses */
    const random_form *forms; /* NULL: another writer's */
    size_t n;
} random_list;

/* Nobody places programs here: where a symbol is code of this process, as it may be at qemu-user's 0x4000000000, the
 * link has a stub for it, which no other linker knows of. */
#define RANDOM_CODE UINT64_C(0x3000000000)

static const random_list random_lists[] = {
    {"aarch64_", "", RANDOM_CODE, UINT64_MAX, random_aarch64, sizeof random_aarch64 / sizeof *random_aarch64},
    {"s390x_", "", RANDOM_CODE, UINT64_MAX, random_s390x, sizeof random_s390x / sizeof *random_s390x},
    {"arm_a32_", ".syntax unified\n.arm\n", 0x10000000, UINT32_MAX, random_a32, sizeof random_a32 / sizeof *random_a32},
    {"arm_thumb_", ".syntax unified\n.thumb\n", 0x10000000, UINT32_MAX, random_thumb,
     sizeof random_thumb / sizeof *random_thumb},
    {"i386_", "", 0x10000000, UINT32_MAX, random_i386, sizeof random_i386 / sizeof *random_i386},
    {"x86_64_", "", RANDOM_CODE, UINT64_MAX, random_x86_64, sizeof random_x86_64 / sizeof *random_x86_64},
    {"x86_64_got_", "# oracle lld\n", RANDOM_CODE, UINT64_MAX, random_x86_64_got,
     sizeof random_x86_64_got / sizeof *random_x86_64_got},
    {"riscv64_", "# oracle-flags --no-relax\n.option norelax\n", RANDOM_CODE, UINT64_MAX, random_riscv64,
     sizeof random_riscv64 / sizeof *random_riscv64},
    {"riscv32_", "# oracle-flags --no-relax\n.option norelax\n", 0x10000000, UINT32_MAX, random_riscv32,
     sizeof random_riscv32 / sizeof *random_riscv32},
    {"riscv64_relaxed_", "", RANDOM_CODE, UINT64_MAX, NULL, 0},
    {"riscv32_relaxed_", "", 0x10000000, UINT32_MAX, NULL, 0},
};

enum { RANDOM_LINES = 14, RANDOM_CASES = 3 };

/* xorshift64: the same everywhere for a seed, which must not be 0. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Every other value lies within some steps of one of the edges, or of zero. */
static inline int64_t random_value(uint64_t *state, const random_form *form)
{
    uint64_t span = (uint64_t)form->high - (uint64_t)form->low, near = random_next(state) % 4, value;
    if (near < 2)
        value = near * span + (near ? -(random_next(state) % 3 * form->alignment) : random_next(state) % 3);
    else if (near == 2 && form->low < 0)
        value = 0 - (uint64_t)form->low + random_next(state) % 9;
    else
        value = span == UINT64_MAX ? random_next(state) : random_next(state) % (span + 1);
    value += (uint64_t)form->low;
    if ((int64_t)value < form->low || (int64_t)value > form->high)
        value = (uint64_t)form->low;
    value &= ~((uint64_t)form->alignment - 1);
    return (int64_t)value < form->low ? (int64_t)value + form->alignment : (int64_t)value;
}

static inline void random_line(FILE *file, const random_form *form, int i)
{
    char name[16];
    snprintf(name, sizeof name, "s%d", i);
    fprintf(file, form->text, name);
    fprintf(file, "\n");
}

static inline void random_begin(FILE *file, const random_list *list)
{
    fprintf(file, "# code 0x%" PRIx64 "\n# rodata 0x%" PRIx64 "\n# data 0x%" PRIx64 "\n", list->code,
            list->code + 0x200000, list->code + 0x400000);
}

static inline void random_define(FILE *file, const random_list *list, const random_form *form, int i, uint64_t value,
                                 uint64_t at)
{
    fprintf(file, "# define s%d 0x%" PRIx64 "\n", i, (value + (form->is_relative ? at : 0)) & list->mask);
}

/* Write a case: its symbols are s0, s1, ... with the addresses that make the values. */
static inline void random_write(FILE *file, const random_list *list, uint64_t seed)
{
    uint64_t state = seed, at = list->code;
    const random_form *forms[RANDOM_LINES];
    fprintf(file, "# random\n");
    random_begin(file, list);
    for (int i = 0; i < RANDOM_LINES; i++) {
        forms[i] = &list->forms[random_next(&state) % list->n];
        random_define(file, list, forms[i], i, (uint64_t)random_value(&state, forms[i]), at);
        at += forms[i]->size ? forms[i]->size : 4;
    }
    fprintf(file, "%s.text\n", list->start);
    for (int i = 0; i < RANDOM_LINES; i++)
        random_line(file, forms[i], i);
}

/* Are the bounds the field's own? */
static inline int random_has_edges(const random_form *form)
{
    return form->low != INT64_MIN + 1 && !(form->low == 0 && form->high == INT64_C(0xffffffff)) &&
           (!form->oracle || form->oracle[0]);
}

static inline int random_is_rejecting(const random_list *list)
{
    int n = 0;
    for (size_t i = 0; i < list->n; i++)
        n += random_has_edges(&list->forms[i]);
    return n > 0;
}

/* Write a case of one line of a rejecting list, whose value lies a few steps beyond what its field takes. */
static inline void random_write_rejected(FILE *file, const random_list *list, uint64_t seed)
{
    uint64_t state = seed, past;
    const random_form *form;
    do
        form = &list->forms[random_next(&state) % list->n];
    while (!random_has_edges(form));
    past = (1 + random_next(&state) % 3) * form->alignment;
    fprintf(file, "# fails OJ_E_RANGE section=.text\n");
    if (form->oracle)
        fprintf(file, "# oracle %s\n", form->oracle);
    random_begin(file, list);
    random_define(file, list, form, 0,
                  random_next(&state) % 2 ? (uint64_t)form->high + past : (uint64_t)form->low - past, list->code);
    fprintf(file, "%s.text\n", list->start);
    random_line(file, form, 0);
}

#endif
