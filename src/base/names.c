/* Hashing of names, and the table on it. */
#include "base/base.h"

#include <stdatomic.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#define XXH_NO_STDLIB
#include <xxhash.h>

/* One seed for the process. Two threads may both draw one at first use: the exchange makes all of them use the same. */
static uint64_t hash_seed(void)
{
    static _Atomic uint64_t seed;
    uint64_t current = atomic_load_explicit(&seed, memory_order_relaxed);
    uint64_t drawn = 0;
    if (OJI_LIKELY(current != 0))
        return current;
    if (getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) != (ssize_t)sizeof drawn)
        drawn = oji_now() ^ (uint64_t)(uintptr_t)&drawn;
    /* 0 means that there is none yet. */
    drawn |= 1;
    return atomic_compare_exchange_strong(&seed, &current, drawn) ? drawn : current;
}

uint64_t oji_hash(const char *name, size_t length) { return XXH3_64bits_withSeed(name, length, hash_seed()); }

struct oji_table_slot {
    uint32_t tag;        /* high half of the hash */
    uint32_t index_plus; /* index + 1, 0 where empty */
};

/* Sizes are powers of two, so that a mask stands for the remainder. */
bool oji_table_init(oji_table *table, oji_arena *arena, uint64_t n)
{
    uint64_t slots = 8;
    /* At most half full: an unsuccessful walk looks at two slots on average. */
    while (slots < n * 2 && slots < UINT32_MAX / 2)
        slots *= 2;
    if (n >= slots)
        return false;
    table->slots = oji_arena_array(arena, slots, sizeof *table->slots);
    table->mask = (uint32_t)(slots - 1);
    table->n_used = 0;
    return table->slots != NULL;
}

/* Slots are walked one by one from the hash's own; half of them are empty, so that every walk ends. Different names
 * of one tag are told apart by the caller, who has them. */
uint32_t oji_table_next(const oji_table *table, uint64_t hash, uint32_t *cursor)
{
    for (;;) {
        const struct oji_table_slot *slot = &table->slots[((uint32_t)hash + *cursor) & table->mask];
        ++*cursor;
        if (slot->index_plus == 0)
            return OJI_TABLE_NONE;
        if (slot->tag == (uint32_t)(hash >> 32))
            return slot->index_plus - 1;
    }
}

void oji_table_add(oji_table *table, uint64_t hash, uint32_t index)
{
    uint32_t position = (uint32_t)hash & table->mask;
    OJI_ASSERT(table->n_used < table->mask);
    while (table->slots[position].index_plus != 0)
        position = (position + 1) & table->mask;
    table->slots[position].tag = (uint32_t)(hash >> 32);
    table->slots[position].index_plus = index + 1;
    table->n_used++;
}
