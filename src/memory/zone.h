/* Which parts of one zone of a slab are in use: four bits for each granule, and a few bytes for each block of them.
 * Knows nothing of mappings. All tables lie in memory that the caller supplies, and all-zero tables mean "free", so
 * that a zone which is never touched costs no page. */
#ifndef OJI_MEMORY_ZONE_H
#define OJI_MEMORY_ZONE_H

#include "base/base.h"

/* Bytes. The smallest unit handed out: what compilers align functions to. */
#define OJI_MEMORY_GRANULE 16u

#define OJI_MEMORY_NONE UINT32_MAX

/* What is known of one block of granules without looking at its bits. */
typedef struct oji_memory_block {
    uint16_t n_used;
    uint16_t shortfall; /* no free run inside is longer than the block less this; 0 = nothing known */
} oji_memory_block;

typedef struct oji_memory_zone {
    uint64_t *used;   /* one bit a granule: in a segment, or not to be handed out again yet */
    uint64_t *starts; /* one bit a granule: the first of a run that was taken */
    uint64_t *live;   /* one bit a granule: the first of a run whose segment has not ended */
    uint64_t *kept;   /* one bit a granule: the first of a run that is never to be handed out again */
    oji_memory_block *blocks;
    uint32_t n_granules;
    uint32_t top;       /* granules from here on have never been handed out */
    uint32_t cursor;    /* small runs are looked for from here on */
    uint32_t too_small; /* no hole up to the cursor's block has this many granules */
    uint32_t n_used;
} oji_memory_zone;

/* Bytes of zeroed memory, aligned to 8, that the tables of a zone need. */
uint64_t oji_memory_zone_tables_size(uint32_t n_granules);

void oji_memory_zone_init(oji_memory_zone *zone, void *tables, uint32_t n_granules);

/* Take `n` granules whose index is a multiple of `alignment` (a power of two) and which end at or before `limit`.
 * Returns the index of the first, or OJI_MEMORY_NONE. */
uint32_t oji_memory_zone_take(oji_memory_zone *zone, uint32_t n, uint32_t alignment, uint32_t limit);

/* The length of the live segment that starts at `index`; 0 where none does. */
uint32_t oji_memory_zone_length(const oji_memory_zone *zone, uint32_t index);

/* End the segment at `index` without making its granules available. */
void oji_memory_zone_retire(oji_memory_zone *zone, uint32_t index);

/* Keep the runs of all live segments. */
void oji_memory_zone_keep(oji_memory_zone *zone);

/* Does the granule lie in a run that is kept? */
bool oji_memory_zone_is_kept(const oji_memory_zone *zone, uint32_t index);

/* Make granules that were taken, and are not kept, available again. */
void oji_memory_zone_free(oji_memory_zone *zone, uint32_t index, uint32_t n);

#endif
