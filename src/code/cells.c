/* Memory for unwind entries: cells of 56 bytes in one reservation of address space, because an FDE can name a CIE only
 * within 2 GiB. A block is of 1, 2, 4, ... cells, and each size has a list of free ones. */
#include "code/unwind.h"

#define RESERVED (UINT64_C(1) << 30) /* bytes: 16 million functions */
#define LEAST_RESERVED (UINT64_C(1) << 20)
/* libgcc takes a table for empty whose address has 32 zero bits at the end. */
#define FIRST OJI_CELL_SIZE
#define CLASSES 25u /* the last is for all of it */
#ifdef OJ_STRESS
#define STEP (UINT64_C(4) << 10)
#else
#define STEP (UINT64_C(256) << 10) /* opened at a time */
#endif

typedef struct free_cell {
    struct free_cell *next;
} free_cell;

typedef struct pool {
    uint8_t *start;
    uint64_t size;   /* bytes reserved */
    uint64_t opened; /* bytes from the start that may be used */
    uint64_t top;    /* bytes from the start that were taken at some time, or are not to be */
    uint64_t n_taken;
    free_cell *free[CLASSES];
} pool;

/* One reservation: CIEs in the first part, all else behind it. LLVM's unwinder takes the distance from an FDE to its CIE
 * for one without a sign. */
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

/* In steps: each is a system call. */
static bool open_up_to(pool *p, uint64_t end)
{
    uint64_t opened;
    if (end <= p->opened)
        return true;
    if (!oji_align_up(end, STEP, &opened) || opened > p->size)
        return false;
    if (!oji_unwind_open(p->start + p->opened, opened - p->opened))
        return false;
    p->opened = opened;
    return true;
}

static unsigned class_of(uint64_t size)
{
    unsigned class = 0;
    while (((uint64_t)OJI_CELL_SIZE << class) < size)
        class ++;
    return class;
}

static void *take(unsigned from, uint64_t size)
{
    pool *p = &pools[from];
    unsigned class;
    uint8_t *taken;
    if (size > LEAST_RESERVED || (!p->start && !reserve()))
        return NULL;
    class = class_of(size);
    if (p->free[class]) {
        free_cell *cell = p->free[class];
        p->free[class] = cell->next;
        p->n_taken++;
        return cell;
    }
    if (!open_up_to(p, p->top + ((uint64_t)OJI_CELL_SIZE << class)))
        return NULL;
    taken = p->start + p->top;
    p->top += (uint64_t)OJI_CELL_SIZE << class;
    p->n_taken++;
    return taken;
}

void *oji_cells_take(uint64_t size) { return take(FOR_ENTRIES, size); }
void *oji_cells_take_for_cie(uint64_t size) { return take(FOR_CIES, size); }

/* When a pool's last cell is free, all its pages but the first few go back to the system. */
void oji_cells_free(void *cell, uint64_t size)
{
    unsigned class = class_of(size);
    pool *p = &pools[(uintptr_t)cell >= (uintptr_t)pools[FOR_ENTRIES].start ? FOR_ENTRIES : FOR_CIES];
    free_cell *freed = cell;
    freed->next = p->free[class];
    p->free[class] = freed;
    if (--p->n_taken > 0)
        return;
    memset(p->free, 0, sizeof p->free);
    if (p->top > STEP)
        oji_unwind_empty(p->start + STEP, p->opened - STEP);
    p->top = FIRST;
}
