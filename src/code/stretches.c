/* Which stretches of addresses tables of single codes lie in: no leaf can be there. Counts by stretch, in a table with
 * open addressing and linear probing; removing moves what follows back, so that no slot is ever a grave. */
#include "code/sheet.h"

#define LEAST 64u

typedef struct counter {
    uint64_t number; /* of the stretch, plus 1; 0 = free */
    uint64_t n;
} counter;

static struct {
    counter *counters;
    uint32_t capacity; /* a power of two, less than three quarters of it used */
    uint32_t n_used;
} all;

static uint64_t number_of(uint64_t addr) { return addr / OJ_SEGMENT_STRETCH + 1; }

/* Where probing for the number begins. */
static uint32_t home_of(uint64_t number)
{
    return (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (all.capacity - 1);
}

/* The counter of the number, or the free one where it would be. Needs a free one. */
static uint32_t find(uint64_t number)
{
    uint32_t at = home_of(number);
    while (all.counters[at].number != 0 && all.counters[at].number != number)
        at = (at + 1) & (all.capacity - 1);
    return at;
}

static bool grow(void)
{
    counter *old = all.counters;
    uint32_t n_old = all.capacity, capacity = n_old ? n_old * 2 : LEAST;
    counter *grown = oji_allocate_zeroed(oji_unwind_heap(), capacity * sizeof *grown);
    if (!grown)
        return false;
    all.counters = grown;
    all.capacity = capacity;
    for (uint32_t i = 0; i < n_old; i++)
        if (old[i].number != 0)
            grown[find(old[i].number)] = old[i];
    oji_release(oji_unwind_heap(), old, n_old * sizeof *old);
    return true;
}

static bool enter_one(uint64_t number)
{
    uint32_t at;
    if (all.n_used >= all.capacity / 4 * 3 && !grow())
        return false;
    at = find(number);
    all.n_used += all.counters[at].number == 0;
    all.counters[at].number = number;
    all.counters[at].n++;
    return true;
}

/* What follows the hole up to the next free one moves into it, unless probing for it begins behind the hole. */
static void free_counter(uint32_t hole)
{
    const uint32_t mask = all.capacity - 1;
    for (uint32_t at = (hole + 1) & mask; all.counters[at].number != 0; at = (at + 1) & mask) {
        uint32_t home = home_of(all.counters[at].number);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        all.counters[hole] = all.counters[at];
        hole = at;
    }
    all.counters[hole] = (counter){0};
    if (--all.n_used > 0)
        return;
    oji_release(oji_unwind_heap(), all.counters, all.capacity * sizeof *all.counters);
    all.counters = NULL;
    all.capacity = 0;
}

static void leave_one(uint64_t number)
{
    uint32_t at = find(number);
    if (--all.counters[at].n == 0)
        free_counter(at);
}

bool oji_stretches_enter(uint64_t low, uint64_t high)
{
    if (!enter_one(number_of(low)))
        return false;
    if (enter_one(number_of(high - 1)))
        return true;
    leave_one(number_of(low));
    return false;
}

void oji_stretches_leave(uint64_t low, uint64_t high)
{
    leave_one(number_of(low));
    leave_one(number_of(high - 1));
}

bool oji_stretches_have(uint64_t addr) { return all.capacity > 0 && all.counters[find(number_of(addr))].number != 0; }
