/* Random code of RISC-V that shrinks as it is linked, for test_link_cases.c: calls, alignments, branches and jumps
 * between labels of several sections, and data that counts the distances.
 *
 * Two linkers shorten the same calls only where no distance is near a short form's reach: a program is either so small
 * that all is within 2 KiB, or has that much between its sections. */
#ifndef OJT_RANDOM_RELAXED_H
#define OJT_RANDOM_RELAXED_H

#include "link/random_cases.h"

enum { RELAXED_SECTIONS = 3, RELAXED_LABELS = 9, RELAXED_ITEMS = 11 };

/* A label of the section, or of any: i counts on in steps of RELAXED_SECTIONS. */
static inline unsigned relaxed_label(uint64_t *state, int section)
{
    if (section < 0)
        return (unsigned)(random_next(state) % RELAXED_LABELS);
    return (unsigned)(random_next(state) % (RELAXED_LABELS / RELAXED_SECTIONS)) * RELAXED_SECTIONS + (unsigned)section;
}

static inline void relaxed_item(FILE *file, uint64_t *state, int section)
{
    switch (random_next(state) % 12) {
    case 0:
    case 1:
        fprintf(file, " call l%u\n", relaxed_label(state, -1));
        break;
    case 2:
    case 3:
        fprintf(file, " tail l%u\n", relaxed_label(state, -1));
        break;
    case 4:
    case 5:
        fprintf(file, " .p2align %u\n", 1 + (unsigned)(random_next(state) % 4));
        break;
    case 6:
        fprintf(file, " beqz a0, l%u\n", relaxed_label(state, section));
        break;
    case 7:
        fprintf(file, " bltu a3, t5, l%u\n", relaxed_label(state, section));
        break;
    case 8:
        fprintf(file, " j l%u\n", relaxed_label(state, section));
        break;
    case 9:
        fprintf(file, " lla a%u, l%u\n", (unsigned)(random_next(state) % 8), relaxed_label(state, -1));
        break;
    case 10:
        fprintf(file, " .option push\n .option norelax\n call l%u\n .option pop\n", relaxed_label(state, -1));
        break;
    default:
        fprintf(file, random_next(state) % 2 ? " addi a0, a0, 1\n" : " xor a1, a2, t4\n");
    }
}

static inline void relaxed_section(FILE *file, uint64_t *state, int section, int is_far)
{
    fprintf(file, ".section .text.s%d,\"ax\"\n%s", section, is_far ? " .skip 0x2000\n" : "");
    for (int i = section; i < RELAXED_LABELS; i += RELAXED_SECTIONS) {
        int n = 1 + (int)(random_next(state) % (2 * RELAXED_ITEMS / (RELAXED_LABELS / RELAXED_SECTIONS)));
        for (int k = 0; k < n; k++)
            relaxed_item(file, state, section);
        fprintf(file, ".globl l%d\nl%d:\n", i, i);
        relaxed_item(file, state, section);
    }
}

/* Write a case of a list without forms. */
static inline void random_write_relaxed(FILE *file, const random_list *list, uint64_t seed)
{
    uint64_t state = seed;
    int is_far = (int)(random_next(&state) >> 20 & 1);
    fprintf(file, "# random\n# relaxes\n");
    random_begin(file, list);
    for (int section = 0; section < RELAXED_SECTIONS; section++)
        relaxed_section(file, &state, section, is_far);
    fprintf(file, ".section .rodata\n");
    for (int i = 0; i < 4; i++) {
        int section = (int)(random_next(&state) % RELAXED_SECTIONS);
        fprintf(file, " .4byte l%u - l%u\n", relaxed_label(&state, -1), relaxed_label(&state, -1));
        fprintf(file, " .2byte l%u - l%u\n", relaxed_label(&state, section), relaxed_label(&state, section));
        fprintf(file, " .byte l%u - l%u, 0\n", relaxed_label(&state, section), relaxed_label(&state, section));
    }
    fprintf(file, ".data\n .4byte 1\n .4byte l%u - .\n", relaxed_label(&state, -1));
}

#endif
