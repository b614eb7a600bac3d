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

static struct {
    uint8_t *start;
    uint64_t size;   /* bytes reserved */
    uint64_t opened; /* bytes from the start that may be used */
    uint64_t top;    /* bytes from the start that were taken at some time, or are not to be */
    uint64_t n_taken;
    free_cell *free[CLASSES];
} cells;

/* Where a limit on address space forbids much, little may do. */
static bool reserve(void)
{
    for (cells.size = RESERVED; !cells.start && cells.size >= LEAST_RESERVED; cells.size /= 2) {
        cells.start = oji_unwind_reserve(cells.size);
        if (cells.start)
            break;
    }
    cells.top = FIRST;
    return cells.start != NULL;
}

/* In steps: each is a system call. */
static bool open_up_to(uint64_t end)
{
    uint64_t opened;
    if (end <= cells.opened)
        return true;
    if (!oji_align_up(end, STEP, &opened) || opened > cells.size)
        return false;
    if (!oji_unwind_open(cells.start + cells.opened, opened - cells.opened))
        return false;
    cells.opened = opened;
    return true;
}

static unsigned class_of(uint64_t size)
{
    unsigned class = 0;
    while (((uint64_t)OJI_CELL_SIZE << class) < size)
        class ++;
    return class;
}

void *oji_cells_take(uint64_t size)
{
    unsigned class;
    uint8_t *taken;
    if (size > LEAST_RESERVED || (!cells.start && !reserve()))
        return NULL;
    class = class_of(size);
    if (cells.free[class]) {
        free_cell *cell = cells.free[class];
        cells.free[class] = cell->next;
        cells.n_taken++;
        return cell;
    }
    if (!open_up_to(cells.top + ((uint64_t)OJI_CELL_SIZE << class)))
        return NULL;
    taken = cells.start + cells.top;
    cells.top += (uint64_t)OJI_CELL_SIZE << class;
    cells.n_taken++;
    return taken;
}

/* When the last cell is free, all pages but the first few go back to the system. */
void oji_cells_free(void *cell, uint64_t size)
{
    unsigned class = class_of(size);
    free_cell *freed = cell;
    freed->next = cells.free[class];
    cells.free[class] = freed;
    if (--cells.n_taken > 0)
        return;
    memset(cells.free, 0, sizeof cells.free);
    if (cells.top > STEP)
        oji_unwind_empty(cells.start + STEP, cells.opened - STEP);
    cells.top = FIRST;
}
