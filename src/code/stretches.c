/* What lies in which stretches of addresses: tables of single codes, which no leaf can be beside, and code, as long as
 * which a leaf stays. Counts by stretch, in tables with open addressing and linear probing; removing moves what follows
 * back, so that no slot is ever a grave. */
#include "code/sheet.h"

#define LEAST 64u

typedef struct counter {
    uint64_t number; /* of the stretch, plus 1; 0 = free */
    uint64_t n;
} counter;

typedef struct table {
    counter *counters;
    uint32_t capacity; /* a power of two, less than three quarters of it used */
    uint32_t n_used;
    counter few[LEAST]; /* the first, so that most processes take no memory for it */
} table;

static table singles, codes;

static uint64_t number_of(uint64_t addr) { return addr / OJ_SEGMENT_STRETCH + 1; }

/* Where probing for the number begins. */
static uint32_t home_of(const table *t, uint64_t number)
{
    return (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (t->capacity - 1);
}

/* The counter of the number, or the free one where it would be. Needs a free one. */
static uint32_t find(const table *t, uint64_t number)
{
    uint32_t at = home_of(t, number);
    while (t->counters[at].number != 0 && t->counters[at].number != number)
        at = (at + 1) & (t->capacity - 1);
    return at;
}

static bool has(const table *t, uint64_t number) { return t->capacity > 0 && t->counters[find(t, number)].number != 0; }

static void free_counters(counter *counters, uint32_t capacity)
{
    if (capacity > LEAST)
        oji_release(oji_unwind_heap(), counters, capacity * sizeof *counters);
}

static bool grow(table *t)
{
    counter *old = t->counters, *grown = t->few;
    uint32_t n_old = t->capacity, capacity = n_old ? n_old * 2 : LEAST;
    if (capacity > LEAST)
        grown = oji_allocate_zeroed(oji_unwind_heap(), capacity * sizeof *grown);
    if (!grown)
        return false;
    t->counters = grown;
    t->capacity = capacity;
    for (uint32_t i = 0; i < n_old; i++)
        if (old[i].number != 0)
            grown[find(t, old[i].number)] = old[i];
    free_counters(old, n_old);
    return true;
}

static bool enter_one(table *t, uint64_t number)
{
    uint32_t at;
    if (t->n_used >= t->capacity / 4 * 3 && !grow(t))
        return false;
    at = find(t, number);
    t->n_used += t->counters[at].number == 0;
    t->counters[at].number = number;
    t->counters[at].n++;
    return true;
}

/* What follows the hole up to the next free one moves into it, unless probing for it begins behind the hole. */
static void free_counter(table *t, uint32_t hole)
{
    const uint32_t mask = t->capacity - 1;
    for (uint32_t at = (hole + 1) & mask; t->counters[at].number != 0; at = (at + 1) & mask) {
        uint32_t home = home_of(t, t->counters[at].number);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        t->counters[hole] = t->counters[at];
        hole = at;
    }
    t->counters[hole] = (counter){0};
    if (--t->n_used > 0 || t->capacity == LEAST)
        return;
    free_counters(t->counters, t->capacity);
    memset(t, 0, sizeof *t);
}

static void leave_one(table *t, uint64_t number)
{
    uint32_t at = find(t, number);
    if (--t->counters[at].n == 0)
        free_counter(t, at);
}

bool oji_stretches_enter(uint64_t low, uint64_t high)
{
    if (!enter_one(&singles, number_of(low)))
        return false;
    if (enter_one(&singles, number_of(high - 1)))
        return true;
    leave_one(&singles, number_of(low));
    return false;
}

void oji_stretches_leave(uint64_t low, uint64_t high)
{
    leave_one(&singles, number_of(low));
    leave_one(&singles, number_of(high - 1));
}

bool oji_stretches_have(uint64_t addr) { return has(&singles, number_of(addr)); }

bool oji_stretches_add_code(uint64_t low, uint64_t high)
{
    const uint64_t first = number_of(low), last = number_of(high - 1);
    for (uint64_t number = first; number <= last; number++) {
        if (enter_one(&codes, number))
            continue;
        while (number-- > first)
            leave_one(&codes, number);
        return false;
    }
    return true;
}

void oji_stretches_remove_code(uint64_t low, uint64_t high)
{
    for (uint64_t number = number_of(low); codes.n_used > 0 && number <= number_of(high - 1); number++)
        if (has(&codes, number))
            leave_one(&codes, number);
}

bool oji_stretches_have_any_code(void) { return codes.n_used > 0; }

bool oji_stretches_have_code(uint64_t addr) { return has(&codes, number_of(addr)); }
