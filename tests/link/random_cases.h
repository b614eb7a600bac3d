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
    uint32_t size; /* bytes of the line */
} random_form;

/* Symbols outside a link must be in reach of all of it, which is less than the widest fields hold: their edges are not
 * tried here. */
#define RANDOM_ANY INT64_MIN + 1, INT64_MAX

static const random_form random_aarch64[] = {
    {"b.ne %s", -(1 << 20), (1 << 20) - 4, 4, 1, 4},
    {"cbnz x3, %s", -(1 << 20), (1 << 20) - 4, 4, 1, 4},
    {"tbnz x9, #40, %s", -(1 << 15), (1 << 15) - 4, 4, 1, 4},
    {"ldr x7, %s", -(1 << 20), (1 << 20) - 4, 4, 1, 4},
    {"adr x8, %s", -(1 << 20), (1 << 20) - 1, 1, 1, 4},
    {"adrp x10, %s", -INT64_C(0x7e000000), INT64_C(0x7e000000), 1, 1, 4},
    {"adrp x11, :pg_hi21_nc:%s", RANDOM_ANY, 1, 0, 4},
    {"add x1, x2, :lo12:%s", RANDOM_ANY, 1, 0, 4},
    {"ldrb w1, [x2, :lo12:%s]", RANDOM_ANY, 1, 0, 4},
    {"strh w1, [x2, :lo12:%s]", RANDOM_ANY, 2, 0, 4},
    {"ldr w1, [x2, :lo12:%s]", RANDOM_ANY, 4, 0, 4},
    {"str x1, [x2, :lo12:%s]", RANDOM_ANY, 8, 0, 4},
    {"ldr q1, [x2, :lo12:%s]", RANDOM_ANY, 16, 0, 4},
    {"movz x1, #:abs_g0:%s", 0, 0xffff, 1, 0, 4},
    {"movz x1, #:abs_g1:%s", 0, INT64_C(0xffffffff), 1, 0, 4},
    {"movz x1, #:abs_g2:%s", 0, INT64_C(0xffffffffffff), 1, 0, 4},
    {"movz x1, #:abs_g3:%s", RANDOM_ANY, 1, 0, 4},
    {"movk x1, #:abs_g0_nc:%s", RANDOM_ANY, 1, 0, 4},
    {"movk x1, #:abs_g1_nc:%s", RANDOM_ANY, 1, 0, 4},
    {"movk x1, #:abs_g2_nc:%s", RANDOM_ANY, 1, 0, 4},
    {"movz x1, #:abs_g0_s:%s", -0x10000, 0xffff, 1, 0, 4},
    {"movz x1, #:abs_g1_s:%s", -INT64_C(0x100000000), INT64_C(0xffffffff), 1, 0, 4},
    {"movz x1, #:abs_g2_s:%s", -INT64_C(0x1000000000000), INT64_C(0xffffffffffff), 1, 0, 4},
    {".word %s - .", -INT64_C(0x7e000000), INT64_C(0x7e000000), 1, 1, 4},
    {".word %s", 0, INT64_C(0xffffffff), 1, 0, 4},
};

static const random_form random_s390x[] = {
    {"larl %%r1, %s", -INT64_C(0x7e000000), INT64_C(0x7e000000), 2, 1, 6},
    {"lgrl %%r1, %s", -INT64_C(0x7e000000), INT64_C(0x7e000000), 8, 1, 6},
    {"brc 8, %s", -(1 << 16), (1 << 16) - 2, 2, 1, 4},
    {"brct %%r3, %s", -(1 << 16), (1 << 16) - 2, 2, 1, 4},
    {"clgrj %%r1, %%r2, 8, %s", -(1 << 16), (1 << 16) - 2, 2, 1, 6},
    {"bprp 5, %s, 0", -(1 << 12), (1 << 12) - 2, 2, 1, 6},
    {"bprp 5, 0, %s", -(1 << 24), (1 << 24) - 2, 2, 1, 6},
    {"bpp 5, %s, 0(%%r1)", -(1 << 16), (1 << 16) - 2, 2, 1, 6},
    {"l %%r1, %s(%%r2)", 0, 0xfff, 1, 0, 4},
    {"mvi %s(%%r2), 9", 0, 0xfff, 1, 0, 4},
    {"lg %%r1, %s(%%r2, %%r3)", -(1 << 19), (1 << 19) - 1, 1, 0, 6},
    {"stmg %%r1, %%r4, %s(%%r2)", -(1 << 19), (1 << 19) - 1, 1, 0, 6},
    {"lghi %%r1, %s", -(1 << 15), (1 << 16) - 1, 1, 0, 4},
    {".long %s", 0, INT64_C(0xffffffff), 1, 0, 4},
    {".quad %s", RANDOM_ANY, 1, 0, 8},
    {".quad %s - .", RANDOM_ANY, 1, 1, 8},
    {".long %s - .", -INT64_C(0x7e000000), INT64_C(0x7e000000), 1, 1, 4},
    {".short %s", -(1 << 15), (1 << 16) - 1, 1, 0, 2},
};

typedef struct random_list {
    const char *prefix; /* of a case's name */
    const random_form *forms;
    size_t n;
} random_list;

static const random_list random_lists[] = {
    {"aarch64_", random_aarch64, sizeof random_aarch64 / sizeof *random_aarch64},
    {"s390x_", random_s390x, sizeof random_s390x / sizeof *random_s390x},
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

/* Write a case: its symbols are s0, s1, ... with the addresses that make the values. */
static inline void random_write(FILE *file, const random_list *list, uint64_t seed)
{
    const uint64_t code = UINT64_C(0x4000000000);
    uint64_t state = seed, at = code;
    const random_form *forms[RANDOM_LINES];
    fprintf(file, "# random\n# code 0x%" PRIx64 "\n# rodata 0x%" PRIx64 "\n# data 0x%" PRIx64 "\n", code,
            code + 0x200000, code + 0x400000);
    for (int i = 0; i < RANDOM_LINES; i++) {
        uint64_t value;
        forms[i] = &list->forms[random_next(&state) % list->n];
        value = (uint64_t)random_value(&state, forms[i]);
        fprintf(file, "# define s%d 0x%" PRIx64 "\n", i, value + (forms[i]->is_relative ? at : 0));
        at += forms[i]->size;
    }
    fprintf(file, ".text\n");
    for (int i = 0; i < RANDOM_LINES; i++) {
        char name[16];
        sprintf(name, "s%d", i);
        fprintf(file, forms[i]->text, name);
        fprintf(file, "\n");
    }
}

#endif
