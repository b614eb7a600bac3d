/* Finding and returning room in a zone.
 *
 * Small runs are taken next-fit from a cursor that every release moves back, inside one block at a time; a block that
 * was searched in vain remembers the longest run it has, so that it is searched again only after something in it was
 * released. Fresh room beyond `top` is touched only where no hole fits. No cost depends on how many segments live.
 *
 * Invariants: a granule that starts a live run starts a run, and one that starts a run is used; no bit at or beyond
 * `top` is set; each block's n_used is the number of its used bits; bounds err only towards searching in vain. */
#include "memory/zone.h"

#ifdef OJ_STRESS
/* Small, so that few granules suffice to cross the borders of blocks. */
#define BLOCK 128u
#else
#define BLOCK 4096u /* granules; a multiple of 64 that fits 16 bits */
#endif
#define SMALL (BLOCK / 8) /* longer runs may cross blocks */

/* First bit of [from, to) that differs from `flip`'s bits (0: first set bit, all ones: first clear bit), or `to`. Words
 * may have bits beyond `to`: what is found there counts as nothing found. */
static uint32_t find_bit(const uint64_t *bits, uint64_t flip, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint64_t word = (bits[from / 64] ^ flip) >> (from % 64);
        if (word) {
            uint32_t found = from + (uint32_t)__builtin_ctzll(word);
            return found < to ? found : to;
        }
        from = (from / 64 + 1) * 64;
    }
    return to;
}

static uint32_t find_set(const uint64_t *bits, uint32_t from, uint32_t to) { return find_bit(bits, 0, from, to); }

static uint32_t find_clear(const uint64_t *bits, uint32_t from, uint32_t to)
{
    return find_bit(bits, UINT64_MAX, from, to);
}

/* One past the last set bit of [from, to), or `from`. */
static uint32_t find_last_set(const uint64_t *bits, uint32_t from, uint32_t to)
{
    while (to > from) {
        uint32_t base = (to - 1) / 64 * 64;
        uint64_t word = bits[base / 64] << (63 - (to - 1 - base));
        if (word) {
            uint32_t end = to - (uint32_t)__builtin_clzll(word);
            return end > from ? end : from;
        }
        to = base;
    }
    return from;
}

static void change_bits(uint64_t *bits, uint32_t from, uint32_t n, bool set)
{
    uint32_t to = from + n;
    while (from < to) {
        uint32_t shift = from % 64, width = 64 - shift < to - from ? 64 - shift : to - from;
        /* A shift by all 64 bits is undefined in C (6.5.7), hence the case apart. */
        uint64_t mask = (width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1) << shift;
        if (set)
            bits[from / 64] |= mask;
        else
            bits[from / 64] &= ~mask;
        from += width;
    }
}

static uint32_t count_blocks(uint32_t n_granules) { return n_granules / BLOCK + (n_granules % BLOCK != 0); }

static uint32_t count_words(uint32_t n_granules) { return n_granules / 64 + (n_granules % 64 != 0); }

/* ORDER zone tables: oji_memory_zone_init() lays out the same parts, bits first. */
uint64_t oji_memory_zone_tables_size(uint32_t n_granules)
{
    uint64_t blocks_size = ((uint64_t)count_blocks(n_granules) * sizeof(oji_memory_block) + 7) & ~UINT64_C(7);
    return blocks_size + 4 * (uint64_t)count_words(n_granules) * sizeof(uint64_t);
}

/* ORDER zone tables. Needs them zeroed, and leaves them untouched: a page of them comes with the first use. */
void oji_memory_zone_init(oji_memory_zone *zone, void *tables, uint32_t n_granules)
{
    memset(zone, 0, sizeof *zone);
    zone->used = tables;
    zone->starts = zone->used + count_words(n_granules);
    zone->live = zone->starts + count_words(n_granules);
    zone->kept = zone->live + count_words(n_granules);
    zone->blocks = (oji_memory_block *)(void *)(zone->kept + count_words(n_granules));
    zone->n_granules = n_granules;
    zone->too_small = OJI_MEMORY_NONE;
}

/* The first aligned run of n free granules in [from, to). *longest is raised to every run that did not do, so that it
 * is exact where none does. The sum is 64 bits wide: a run near the last granule could wrap 32. */
static uint32_t find_run(const uint64_t *used, uint32_t from, uint32_t to, uint32_t n, uint32_t alignment,
                         uint32_t *longest)
{
    uint32_t start = find_clear(used, from, to);
    while (start < to) {
        uint64_t aligned = ((uint64_t)start + alignment - 1) & ~((uint64_t)alignment - 1);
        uint32_t end = find_set(used, start, aligned + n < to ? (uint32_t)(aligned + n) : to);
        if (aligned + n <= end)
            return (uint32_t)aligned;
        if (end - start > *longest)
            *longest = end - start;
        start = find_clear(used, end, to);
    }
    return OJI_MEMORY_NONE;
}

/* The last block may be short. */
static uint32_t block_end(const oji_memory_zone *zone, uint32_t block)
{
    uint32_t start = block * BLOCK;
    return zone->n_granules - start < BLOCK ? zone->n_granules : start + BLOCK;
}

/* Search the blocks [first, last) from granule `from` on, each by itself. */
static uint32_t search_blocks(oji_memory_zone *zone, uint32_t first, uint32_t last, uint32_t from, uint32_t n,
                              uint32_t alignment, uint32_t limit)
{
    for (uint32_t b = first; b < last; b++) {
        uint32_t start = b * BLOCK, end = block_end(zone, b), longest = 0, found;
        if (BLOCK - zone->blocks[b].shortfall < n)
            continue;
        found = find_run(zone->used, from > start ? from : start, end < limit ? end : limit, n, alignment, &longest);
        if (found != OJI_MEMORY_NONE)
            return found;
        /* Only a search of all the block tells; a longer run that was badly aligned has raised `longest` too. */
        if (from <= start && end <= limit)
            zone->blocks[b].shortfall = (uint16_t)(BLOCK - longest);
    }
    return OJI_MEMORY_NONE;
}

/* On from the cursor, then the holes before it, and only then fresh room in a block never touched. too_small is learnt
 * only from a search without alignment or limit, which hide holes that others could use. */
static uint32_t find_small(oji_memory_zone *zone, uint32_t n, uint32_t alignment, uint32_t limit)
{
    uint32_t n_blocks = count_blocks(zone->n_granules), current = zone->cursor / BLOCK, touched = zone->top / BLOCK + 1;
    uint32_t found;
    if (touched > n_blocks)
        touched = n_blocks;
    found = search_blocks(zone, current, touched, zone->cursor, n, alignment, limit);
    if (found == OJI_MEMORY_NONE && n < zone->too_small) {
        found = search_blocks(zone, 0, current < n_blocks ? current + 1 : n_blocks, 0, n, alignment, limit);
        if (found == OJI_MEMORY_NONE && alignment == 1 && limit >= zone->n_granules)
            zone->too_small = n;
    }
    if (found == OJI_MEMORY_NONE && touched < n_blocks)
        found = search_blocks(zone, touched, touched + 1, 0, n, alignment, limit);
    /* The blocks passed over may have holes for less than n. */
    if (found != OJI_MEMORY_NONE && found / BLOCK != current)
        zone->too_small = OJI_MEMORY_NONE;
    return found;
}

/* Runs that may cross blocks: `run` counts the free granules that end where the next block begins. */
static uint32_t find_large(oji_memory_zone *zone, uint32_t n, uint32_t alignment, uint32_t limit)
{
    uint32_t n_blocks = count_blocks(zone->n_granules), run = 0;
    for (uint32_t b = 0; b < n_blocks && b * BLOCK < limit; b++) {
        uint32_t start = b * BLOCK, end = block_end(zone, b), ignored = 0, found;
        if (end > limit)
            end = limit;
        if (zone->blocks[b].n_used != 0 && zone->blocks[b].n_used < BLOCK) {
            uint32_t lead = find_set(zone->used, start, end), tail = find_last_set(zone->used, start, end);
            found = find_run(zone->used, start - run, lead, n, alignment, &ignored);
            if (found == OJI_MEMORY_NONE && BLOCK - zone->blocks[b].shortfall >= n)
                found = find_run(zone->used, lead, tail, n, alignment, &ignored);
            if (found != OJI_MEMORY_NONE)
                return found;
            run = end - tail;
        } else {
            run = zone->blocks[b].n_used == 0 ? run + (end - start) : 0;
        }
        if (run >= n) {
            found = find_run(zone->used, end - run, end, n, alignment, &ignored);
            if (found != OJI_MEMORY_NONE)
                return found;
        }
    }
    return OJI_MEMORY_NONE;
}

/* Keep the counts of all blocks that the run touches. */
static void count_used(oji_memory_zone *zone, uint32_t index, uint32_t n, bool add)
{
    uint32_t end = index + n;
    zone->n_used = add ? zone->n_used + n : zone->n_used - n;
    while (index < end) {
        uint32_t b = index / BLOCK, part = (b + 1) * BLOCK < end ? (b + 1) * BLOCK - index : end - index;
        oji_memory_block *block = &zone->blocks[b];
        block->n_used = (uint16_t)(add ? block->n_used + part : block->n_used - part);
        index += part;
    }
}

/* Only small runs are looked for from the cursor, and move it on: large ones begin their search at the first block. */
uint32_t oji_memory_zone_take(oji_memory_zone *zone, uint32_t n, uint32_t alignment, uint32_t limit)
{
    uint32_t index;
    if (limit > zone->n_granules)
        limit = zone->n_granules;
    if (n == 0 || n > limit)
        return OJI_MEMORY_NONE;
    index = n <= SMALL ? find_small(zone, n, alignment, limit) : find_large(zone, n, alignment, limit);
    if (index == OJI_MEMORY_NONE)
        return index;
    change_bits(zone->used, index, n, true);
    zone->starts[index / 64] |= UINT64_C(1) << (index % 64);
    zone->live[index / 64] |= UINT64_C(1) << (index % 64);
    count_used(zone, index, n, true);
    if (index + n > zone->top)
        zone->top = index + n;
    if (n <= SMALL)
        zone->cursor = index + n;
    return index;
}

/* A run ends where another starts, where a granule is free, or at the top. Needs nothing of the index, which may be a
 * client's. */
uint32_t oji_memory_zone_length(const oji_memory_zone *zone, uint32_t index)
{
    uint32_t at = index + 1;
    if (index >= zone->top || !(zone->live[index / 64] >> (index % 64) & 1))
        return 0;
    while (at < zone->top) {
        uint64_t ends = (zone->starts[at / 64] | ~zone->used[at / 64]) >> (at % 64);
        if (ends) {
            at += (uint32_t)__builtin_ctzll(ends);
            return (at < zone->top ? at : zone->top) - index;
        }
        at = (at / 64 + 1) * 64;
    }
    return zone->top - index;
}

/* Its bits stay used and started, so that a neighbour's length still ends here. */
void oji_memory_zone_retire(oji_memory_zone *zone, uint32_t index)
{
    zone->live[index / 64] &= ~(UINT64_C(1) << (index % 64));
}

/* Words that say nothing new stay untouched. */
void oji_memory_zone_keep(oji_memory_zone *zone)
{
    for (uint32_t w = 0; w < count_words(zone->top); w++)
        if (zone->live[w] & ~zone->kept[w])
            zone->kept[w] |= zone->live[w];
}

bool oji_memory_zone_is_kept(const oji_memory_zone *zone, uint32_t index)
{
    uint32_t end = index < zone->top ? find_last_set(zone->starts, 0, index + 1) : 0;
    return end > 0 && zone->kept[(end - 1) / 64] >> ((end - 1) % 64) & 1;
}

/* The run that a release made or grew, as far as its block shows, is the longest that its block can now have beside
 * the old bound. */
static void raise_bounds(oji_memory_zone *zone, uint32_t index, uint32_t n)
{
    for (uint32_t b = index / BLOCK; b <= (index + n - 1) / BLOCK; b++) {
        uint32_t start = b * BLOCK, end = block_end(zone, b), low, high, shortfall;
        if (zone->blocks[b].shortfall == 0)
            continue;
        low = find_last_set(zone->used, start, index > start ? index : start);
        high = find_set(zone->used, index + n < end ? index + n : end, end);
        shortfall = BLOCK - (high - low);
        if (shortfall < zone->blocks[b].shortfall)
            zone->blocks[b].shortfall = (uint16_t)shortfall;
    }
}

/* Needs a run that was taken, live or retired. The cursor goes back to it, and every bound that it may break is
 * raised. */
void oji_memory_zone_free(oji_memory_zone *zone, uint32_t index, uint32_t n)
{
    oji_memory_zone_retire(zone, index);
    zone->starts[index / 64] &= ~(UINT64_C(1) << (index % 64));
    change_bits(zone->used, index, n, false);
    count_used(zone, index, n, false);
    raise_bounds(zone, index, n);
    zone->too_small = OJI_MEMORY_NONE;
    if (index < zone->cursor)
        zone->cursor = index;
}
