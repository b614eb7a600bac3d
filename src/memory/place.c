/* Placing segments in shared slabs and taking them back: no system call in steady state.
 *
 * Invariants: a segment runs at its region's start plus its index in the zone, in granules; only pages below a zone's
 * top can have memory, so that `mapped` follows from the tops; freed code is "dead" until it holds traps and no
 * core can still have the old instructions, and only then free. */
#include "memory/slab.h"

static uint64_t page_down(uint64_t value) { return value & ~(oji_memory_os_page_size() - 1); }

/* Bytes of the pages that granules below `top` touch. */
static uint64_t pages_below(uint32_t top)
{
    return page_down((uint64_t)top * OJI_MEMORY_GRANULE + oji_memory_os_page_size() - 1);
}

uint64_t oji_memory_slab_mapped(const oji_memory_slab *slab, unsigned kind)
{
    const oji_memory_region *region = &slab->regions[kind];
    return slab->is_single ? region->size : pages_below(region->zone.top);
}

static uint64_t count_mapped(const oji_memory_slab *slab)
{
    uint64_t mapped = 0;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        mapped += oji_memory_slab_mapped(slab, k);
    return mapped;
}

/* Needs a segment no larger than its granules: the difference is a count of bytes. */
static void add_amounts(oji_memory_amounts *amounts, const oj_segment *segment, uint64_t n_granules)
{
    uint64_t size = n_granules * OJI_MEMORY_GRANULE;
    amounts->used[segment->kind - 1] += size;
    amounts->lost[segment->kind - 1] += size - segment->size;
}

/* Needs an address inside the region. Regions are below 2^32 granules, by the bound on slab sizes. */
static uint32_t index_of(const oji_memory_region *region, uint64_t run_addr)
{
    return (uint32_t)((run_addr - (uint64_t)(uintptr_t)region->run) / OJI_MEMORY_GRANULE);
}

/* --- placing ------------------------------------------------------------------------------------------------------ */

/* Small links leave a trail of table entries in the write view, each counted by the system as if it were memory of its
 * own: they are dropped in bulk as the region's top moves on. A link that still writes there faults them in again. */
static void forget_trail(oji_memory_region *region)
{
    uint64_t top = (uint64_t)region->zone.top * OJI_MEMORY_GRANULE;
    if (!region->is_file || top < region->done + OJI_MEMORY_BULK)
        return;
    oji_memory_os_forget_view(region->write + region->done, page_down(top - region->done));
    region->done += page_down(top - region->done);
}

/* Take room in the segment's region; the answer is the granule count, 0 where there is none. The allowance limits pages
 * not used before only: room below the top costs none. The count fits, since no segment here is larger than its
 * region. */
static uint32_t take_room(oji_memory_region *region, const oj_segment *segment, bool is_whole, uint64_t allowance,
                          uint32_t *index)
{
    uint64_t unit = is_whole ? oji_memory_os_page_size() : OJI_MEMORY_GRANULE;
    uint64_t alignment = segment->alignment > unit ? segment->alignment : unit;
    uint64_t n = ((segment->size + unit - 1) & ~(unit - 1)) / OJI_MEMORY_GRANULE, limit = region->size;
    if (allowance < region->size) {
        uint64_t allowed = pages_below(region->zone.top) + allowance;
        limit = allowed < limit ? allowed : limit;
    }
    *index = oji_memory_zone_take(&region->zone, (uint32_t)n, (uint32_t)(alignment / OJI_MEMORY_GRANULE),
                                  (uint32_t)(limit / OJI_MEMORY_GRANULE));
    return *index == OJI_MEMORY_NONE ? 0 : (uint32_t)n;
}

/* What an undo goes back to, and what is found on the way. */
typedef struct placing {
    uint32_t tops[OJI_MEMORY_REGIONS];
    uint64_t allowance;
    bool is_recycled;
} placing;

static bool place_segment(oji_memory_slab *slab, oj_segment *segment, bool is_whole, placing *progress,
                          oji_memory_amounts *amounts)
{
    oji_memory_region *region = &slab->regions[segment->kind - 1];
    uint32_t top = region->zone.top, index, n = take_room(region, segment, is_whole, progress->allowance, &index);
    uint64_t offset = (uint64_t)index * OJI_MEMORY_GRANULE;
    if (n == 0)
        return false;
    if (region->zone.top != top)
        progress->allowance -= pages_below(region->zone.top) - pages_below(top);
    segment->run_addr = (uint64_t)(uintptr_t)(region->run + offset);
    segment->write = region->write + offset;
    /* Below the old top: handed out before, and perhaps still in some core's instruction stream. */
    if (segment->kind == OJ_SEGMENT_CODE && index < top)
        progress->is_recycled = true;
    /* Staged room is reused and never called zeroed, wherever it is to run. */
    if (oji_memory_slab_stages(slab, segment->kind)) {
        if (!oji_memory_private_stage(slab, segment)) {
            oji_memory_zone_free(&region->zone, index, n);
            return false;
        }
    } else if (index >= top) {
        segment->flags |= OJ_SEGMENT_ZEROED;
    }
    /* The region is whole stretches. */
    if (segment->kind == OJ_SEGMENT_CODE && !slab->is_apart)
        segment->flags |= OJ_SEGMENT_SHARED;
    add_amounts(amounts, segment, n);
    return true;
}

/* Nothing was written to the regions yet, so that what was never handed out before still is. The stage keeps its top:
 * headers were written there. Freed at once and not buried: nothing ran here, nor could any core fetch it. */
static void undo(oji_memory_slab *slab, oj_placement *placement, size_t n_placed, const placing *progress)
{
    for (size_t i = 0; i < n_placed; i++) {
        oj_segment *segment = &placement->segments[i];
        oji_memory_region *region = &slab->regions[segment->kind - 1];
        uint32_t index = index_of(region, segment->run_addr);
        if (oji_memory_slab_stages(slab, segment->kind))
            oji_memory_private_unstage(slab, segment);
        oji_memory_zone_free(&region->zone, index, oji_memory_zone_length(&region->zone, index));
        segment->flags &= ~(OJ_SEGMENT_ZEROED | OJ_SEGMENT_SHARED);
    }
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        slab->regions[k].zone.top = progress->tops[k];
}

/* Pages of the memory file that were never written, where the first store might end the process. They are asked for
 * with the provider locked, as the next link may lie in the rest of the last one. */
static bool supply_pages(const oji_memory_slab *slab, const uint32_t tops[])
{
    oji_memory_failure failure;
    for (unsigned k = 0; slab->is_unpromised && k < OJI_MEMORY_KINDS; k++) {
        const oji_memory_region *region = &slab->regions[k];
        uint64_t from = pages_below(tops[k]), to = pages_below(region->zone.top);
        if (region->is_file && !oji_memory_os_populate(region->write + from, to - from, &failure))
            return false;
    }
    return true;
}

bool oji_memory_slab_place(oji_memory_slab *slab, oj_placement *placement, uint64_t allowance,
                           oji_memory_amounts *amounts)
{
    bool is_whole = (placement->flags & OJ_PLACEMENT_WHOLE_PAGES) != 0, has_grown = false;
    placing progress = {.allowance = allowance};
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        progress.tops[k] = slab->regions[k].zone.top;
    memset(amounts, 0, sizeof *amounts);
    for (size_t i = 0; i < placement->n_segments; i++) {
        if (!place_segment(slab, &placement->segments[i], is_whole, &progress, amounts)) {
            undo(slab, placement, i, &progress);
            return false;
        }
    }
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        has_grown |= slab->regions[k].zone.top != progress.tops[k];
    if (has_grown) {
        if (!supply_pages(slab, progress.tops)) {
            undo(slab, placement, placement->n_segments, &progress);
            return false;
        }
        slab->mapped = count_mapped(slab);
        forget_trail(&slab->regions[OJI_MEMORY_CODE]);
        forget_trail(&slab->regions[OJI_MEMORY_RODATA]);
    }
    /* From here on nothing can fail. */
    slab->n_live += placement->n_segments;
    amounts->n_segments = placement->n_segments;
    placement->token = (uint8_t *)slab + (progress.is_recycled ? OJI_MEMORY_TOKEN_RECYCLED : 0);
    return true;
}

/* --- taking back -------------------------------------------------------------------------------------------------- */

/* The granules of a segment that this slab gave and still has; 0 where it did not. The placement comes back from a
 * client: kind and address are checked before the tables are asked, the size against what they answer. */
static uint32_t find_segment(const oji_memory_slab *slab, const oj_segment *segment, uint32_t *index)
{
    const oji_memory_region *region;
    uint64_t start;
    uint32_t n;
    if (segment->kind < OJ_SEGMENT_CODE || segment->kind > OJ_SEGMENT_DATA)
        return 0;
    region = &slab->regions[segment->kind - 1];
    start = (uint64_t)(uintptr_t)region->run;
    if (segment->run_addr < start || segment->run_addr - start >= region->size ||
        (segment->run_addr - start) % OJI_MEMORY_GRANULE != 0)
        return 0;
    *index = index_of(region, segment->run_addr);
    n = oji_memory_zone_length(&region->zone, *index);
    return segment->size <= (uint64_t)n * OJI_MEMORY_GRANULE ? n : 0;
}

/* Where a step fails the runs stay dead and may be tried again: they are never handed out half done. */
void oji_memory_slab_recycle(oji_memory_slab *slab)
{
    if (slab->n_dead == 0)
        return;
    if (slab->mode == OJ_MEMORY_MODE_PRIVATE && !oji_memory_private_fill_dead(slab))
        return;
    /* Other cores may still hold the old instructions; where fetch is coherent they drop them by themselves, and the
     * call only settles what they had begun. */
    if (!oji_memory_os_synchronize() && !oji_memory_os_fetch_is_coherent)
        return;
    for (uint32_t i = 0; i < slab->n_dead; i++)
        oji_memory_zone_free(&slab->regions[OJI_MEMORY_CODE].zone, slab->dead[i].index, slab->dead[i].n);
    slab->n_dead = 0;
    slab->n_dead_granules = 0;
}

/* Where recycling fails for good the run just stays out of use. */
static void bury(oji_memory_slab *slab, uint32_t index, uint32_t n)
{
    if (slab->n_dead == OJI_MEMORY_DEAD_RUNS)
        oji_memory_slab_recycle(slab);
    if (slab->n_dead == OJI_MEMORY_DEAD_RUNS)
        return;
    slab->dead[slab->n_dead++] = (oji_memory_run){index, n};
    slab->n_dead_granules += n;
    if (slab->n_dead_granules >= OJI_MEMORY_DEAD_BYTES / OJI_MEMORY_GRANULE)
        oji_memory_slab_recycle(slab);
}

/* In private mode traps wait for the batch: a page of code cannot be written in place. False where the bytes must stay,
 * and the room with them: this thread cannot get the right to write. */
static bool fill_with_traps(oji_memory_slab *slab, uint32_t index, uint32_t n)
{
    const oji_memory_region *code = &slab->regions[OJI_MEMORY_CODE];
    oji_memory_failure failure;
    if (slab->mode == OJ_MEMORY_MODE_PRIVATE)
        return true;
    if (slab->mode == OJ_MEMORY_MODE_KEYS && !oji_memory_os_open_key(slab->key, &failure))
        return false;
    memset(code->write + (uint64_t)index * OJI_MEMORY_GRANULE, oji_memory_os_trap, (size_t)n * OJI_MEMORY_GRANULE);
    return slab->mode != OJ_MEMORY_MODE_KEYS || oji_memory_os_close_key(slab->key, &failure);
}

/* What a forked process may be running keeps its bytes and its room for ever. */
static void release_segment(oji_memory_slab *slab, const oj_segment *segment, uint32_t index, uint32_t n)
{
    oji_memory_region *region = &slab->regions[segment->kind - 1];
    if (oji_memory_slab_stages(slab, segment->kind))
        oji_memory_private_unstage(slab, segment);
    if (slab->is_retired || (region->is_frozen && oji_memory_zone_is_kept(&region->zone, index))) {
        oji_memory_zone_retire(&region->zone, index);
    } else if (segment->kind == OJ_SEGMENT_CODE) {
        oji_memory_zone_retire(&region->zone, index);
        if (fill_with_traps(slab, index, n))
            bury(slab, index, n);
    } else {
        oji_memory_zone_free(&region->zone, index, n);
    }
}

/* The slab itself goes when the provider has unlocked, so that nobody can release it twice. It goes as a whole: who
 * gives a part back still has the rest. */
static bool release_single(oji_memory_slab *slab, const oj_placement *placement, oji_memory_amounts *amounts)
{
    if (placement->n_segments < slab->n_live)
        return false;
    amounts->n_segments = slab->n_live;
    slab->n_live = 0;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        amounts->used[k] = slab->regions[k].used;
    return true;
}

/* Room is found by the address alone and its extent by the tables: a taker-over's sizes are not trusted. */
bool oji_memory_slab_release(oji_memory_slab *slab, const oj_placement *placement, oji_memory_amounts *amounts)
{
    memset(amounts, 0, sizeof *amounts);
    if (slab->is_single)
        return release_single(slab, placement, amounts);
    for (size_t i = 0; i < placement->n_segments && amounts->n_segments < slab->n_live; i++) {
        const oj_segment *segment = &placement->segments[i];
        uint32_t index, n = find_segment(slab, segment, &index);
        if (n == 0)
            continue;
        add_amounts(amounts, segment, n);
        release_segment(slab, segment, index, n);
        amounts->n_segments++;
    }
    slab->n_live -= amounts->n_segments;
    return amounts->n_segments > 0;
}
