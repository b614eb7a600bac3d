/* Memory for unwind entries: in one reservation of address space, because an FDE can name a CIE only within 2 GiB.
 * Sizes are whole words of 4; each small one has a list of free cells of its own, larger ones are powers of two. */
#include "code/unwind.h"

#define RESERVED (UINT64_C(1) << 30) /* bytes: some 20 million functions */
#define LEAST_RESERVED (UINT64_C(1) << 20)
#define WORD 4u
/* libgcc takes a table for empty whose address has 32 zero bits at the end. */
#define FIRST 64u
#define SMALL 256u /* bytes: up to here each size has a list */
#define SMALL_LOG2 8u
#define CLASSES (SMALL / WORD + 31u)
#ifdef OJ_STRESS
#define STEP (UINT64_C(4) << 10)
#else
#define STEP (UINT64_C(256) << 10) /* opened at a time */
#endif

typedef struct pool {
    uint8_t *start;
    uint64_t size;   /* bytes reserved */
    uint64_t opened; /* bytes from the start that may be used */
    uint64_t top;    /* bytes from the start that were taken at some time, or are not to be */
    uint64_t n_taken;
    uint32_t free[CLASSES]; /* words from the start; 0 = none. The cell holds the next one's */
} pool;

/* One reservation: CIEs in the first part, all else behind it. LLVM's unwinder takes the distance from an FDE to its
 * CIE for one without a sign. */
enum { FOR_CIES, FOR_ENTRIES, POOLS };
static pool pools[POOLS];

/* Where a limit on address space forbids much, little may do. */
static bool reserve(void)
{
    uint8_t *start = NULL;
    uint64_t size = RESERVED;
    while (!(start = oji_unwind_reserve(size)) && size > LEAST_RESERVED)
        size /= 2;
    if (!start)
        return false;
    pools[FOR_CIES] = (pool){.start = start, .size = size / 4, .top = FIRST};
    pools[FOR_ENTRIES] = (pool){.start = start + size / 4, .size = size - size / 4, .top = FIRST};
    return true;
}

/* In steps: each is a system call. No end is beyond twice what is reserved, so that the sum does not wrap. */
static bool open_up_to(pool *p, uint64_t end)
{
    uint64_t opened = (end + STEP - 1) & ~(STEP - 1);
    if (end <= p->opened)
        return true;
    if (opened > p->size)
        return false;
    if (!oji_unwind_open(p->start + p->opened, opened - p->opened))
        return false;
    p->opened = opened;
    return true;
}

/* Whole words; *size becomes what the cell has. */
static unsigned class_of(uint64_t *size)
{
    unsigned log2 = SMALL_LOG2;
    if (*size <= SMALL) {
        *size = (*size + WORD - 1) & ~(uint64_t)(WORD - 1);
        return (unsigned)(*size / WORD);
    }
    while ((UINT64_C(1) << log2) < *size)
        log2++;
    *size = UINT64_C(1) << log2;
    return SMALL / WORD + log2 - SMALL_LOG2;
}

static uint32_t *words_of(uint8_t *cell) { return (uint32_t *)(void *)cell; }

static void *take(unsigned from, uint64_t size)
{
    pool *p = &pools[from];
    unsigned class;
    uint8_t *taken;
    if (size > RESERVED || (!p->start && !reserve()))
        return NULL;
    class = class_of(&size);
    if (p->free[class]) {
        taken = p->start + (uint64_t)p->free[class] * WORD;
        p->free[class] = *words_of(taken);
    } else {
        if (!open_up_to(p, p->top + size))
            return NULL;
        taken = p->start + p->top;
        p->top += size;
    }
    p->n_taken++;
    return taken;
}

void *oji_cells_take(uint64_t size) { return take(FOR_ENTRIES, size); }
void *oji_cells_take_for_cie(uint64_t size) { return take(FOR_CIES, size); }

/* When a pool's last cell is free, all its pages but the first few go back to the system. */
void oji_cells_free(void *cell, uint64_t size)
{
    unsigned class = class_of(&size);
    pool *p = &pools[(uintptr_t)cell >= (uintptr_t)pools[FOR_ENTRIES].start ? FOR_ENTRIES : FOR_CIES];
    *words_of(cell) = p->free[class];
    p->free[class] = (uint32_t)((uint64_t)((uint8_t *)cell - p->start) / WORD);
    if (--p->n_taken > 0)
        return;
    memset(p->free, 0, sizeof p->free);
    if (p->top > STEP)
        oji_unwind_empty(p->start + STEP, p->opened - STEP);
    p->top = FIRST;
}
