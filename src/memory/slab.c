/* Regions of slabs: making them, placing segments in them, taking them back. Makes no system call in steady state; the
 * provider's lock is held for all calls but those that create and destroy. */
#include "memory/slab.h"

#include <errno.h>

static uint64_t round_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

/* --- creating ------------------------------------------------------------------------------------------------------- */

/* Where a slab's parts go, in bytes from its base. */
typedef struct slab_shape {
    uint64_t start[OJI_MEMORY_KINDS];
    uint64_t size[OJI_MEMORY_KINDS]; /* whole pages */
    uint64_t table_size;
    uint64_t total;
    uint64_t alignment;
} slab_shape;

/* Fill in starts and total. `alignments` are those of the regions; every one is at least a page. */
static bool arrange(slab_shape *shape, const uint64_t alignments[OJI_MEMORY_KINDS])
{
    uint64_t offset = shape->table_size, page = oji_memory_os_page_size();
    shape->alignment = page;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++) {
        if (!oji_align_up(offset, alignments[k], &shape->start[k]) ||
            !oji_add(shape->start[k], shape->size[k], &offset))
            return false;
        if (alignments[k] > shape->alignment)
            shape->alignment = alignments[k];
    }
    return oji_add(offset, page, &shape->total) && shape->total <= PTRDIFF_MAX;
}

/* Code and rodata lie in one file in views mode: from the first one's start to the last one's end. */
static bool map_regions(oji_memory_slab *slab, const slab_shape *shape, oji_memory_failure *failure)
{
    uint64_t page = oji_memory_os_page_size();
    uint64_t code = shape->start[0], data = shape->start[2], execute_size = round_up(shape->size[0], page);
    uint64_t file_size = shape->size[1] ? shape->start[1] + shape->size[1] - code : execute_size;
    uint8_t *base = slab->base;
    slab->n_mappings = 2u + (shape->size[0] != 0) + (shape->size[1] != 0) + (shape->size[2] != 0);
    if (slab->mode == OJ_MEMORY_MODE_VIEWS && file_size > 0) {
        if (!oji_memory_os_map_views(base + code, execute_size, file_size, shape->alignment, &slab->view, failure))
            return false;
        slab->view_size = file_size;
        slab->n_mappings++;
    } else if (!oji_memory_os_map_private(base + code, file_size, failure)) {
        return false;
    }
    if (!oji_memory_os_map_private(base + data, shape->size[2], failure))
        return false;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++) {
        oji_memory_region *region = &slab->regions[k];
        region->is_file = slab->view && k != OJ_SEGMENT_DATA - 1;
        region->run = base + shape->start[k];
        region->write = region->is_file ? slab->view + (shape->start[k] - code) : region->run;
        region->size = shape->size[k];
    }
    return true;
}

static bool create(oji_memory_slab **out, uint32_t mode, const slab_shape *shape, uint64_t low, uint64_t high,
                   oji_memory_failure *failure)
{
    uint8_t *base;
    oji_memory_slab *slab;
    *out = NULL;
    if (!oji_memory_os_reserve(shape->total, shape->alignment, low, high, &base, failure))
        return false;
    if (!oji_memory_os_map_private(base, shape->table_size, failure)) {
        oji_memory_os_unmap(base, shape->total);
        return false;
    }
    slab = (oji_memory_slab *)(void *)base;
    slab->base = base;
    slab->size = shape->total;
    slab->mode = mode;
    slab->table_size = shape->table_size;
    if (!map_regions(slab, shape, failure)) {
        oji_memory_slab_destroy(slab);
        return false;
    }
    *out = slab;
    return true;
}

void oji_memory_slab_destroy(oji_memory_slab *slab)
{
    oji_memory_os_unmap(slab->view, slab->view_size);
    oji_memory_os_unmap(slab->base, slab->size);
}

static uint64_t record_size(void) { return round_up(sizeof(oji_memory_slab), 64); }

bool oji_memory_slab_create(oji_memory_slab **out, uint32_t mode, uint64_t size, uint64_t low, uint64_t high,
                            oji_memory_failure *failure)
{
    /* Compiled C is about two thirds code; what else small objects have is mostly unwind tables and constants. */
    uint64_t page = oji_memory_os_page_size(), half = size / 2;
    uint64_t alignments[OJI_MEMORY_KINDS] = {page, page, page}, tables, offset = record_size();
    uint64_t dead_size = OJI_MEMORY_DEAD_RUNS * sizeof(oji_memory_run);
    slab_shape shape = {.size = {half, half / 2, size - half - half / 2}};
    tables = offset + dead_size;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        tables += oji_memory_zone_tables_size((uint32_t)(shape.size[k] / OJI_MEMORY_GRANULE));
    shape.table_size = round_up(tables, page);
    if (!arrange(&shape, alignments)) {
        failure->step = "size of a slab";
        failure->system_error = EOVERFLOW;
        return false;
    }
    if (!create(out, mode, &shape, low, high, failure))
        return false;
    (*out)->dead = (oji_memory_run *)(void *)((*out)->base + offset);
    offset += dead_size;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++) {
        uint32_t n = (uint32_t)(shape.size[k] / OJI_MEMORY_GRANULE);
        oji_memory_zone_init(&(*out)->regions[k].zone, (*out)->base + offset, n);
        offset += oji_memory_zone_tables_size(n);
    }
    return true;
}

/* --- single slabs --------------------------------------------------------------------------------------------------- */

static uint64_t alignment_of(const oj_placement *placement, const oj_segment *segment)
{
    uint64_t page = oji_memory_os_page_size();
    bool whole = (placement->flags & OJ_PLACEMENT_WHOLE_PAGES) != 0;
    return whole && segment->alignment < page ? page : segment->alignment;
}

/* The shape of a single slab; each segment's offset in its region goes to run_addr where `assign` says so. */
static bool shape_single(slab_shape *shape, const oj_placement *placement, bool assign)
{
    uint64_t page = oji_memory_os_page_size(), alignments[OJI_MEMORY_KINDS] = {page, page, page};
    memset(shape, 0, sizeof *shape);
    shape->table_size = round_up(record_size(), page);
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        unsigned k = segment->kind - 1;
        uint64_t alignment = alignment_of(placement, segment), offset;
        if (!oji_align_up(shape->size[k], alignment, &offset) || !oji_add(offset, segment->size, &shape->size[k]))
            return false;
        if (assign)
            segment->run_addr = offset;
        if (alignment > alignments[k])
            alignments[k] = alignment;
    }
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        if (!oji_align_up(shape->size[k], page, &shape->size[k]))
            return false;
    return arrange(shape, alignments);
}

uint64_t oji_memory_slab_single_size(const oj_placement *placement)
{
    slab_shape shape;
    return shape_single(&shape, placement, false) ? shape.size[0] + shape.size[1] + shape.size[2] : UINT64_MAX;
}

static void answer_single(oji_memory_slab *slab, oj_placement *placement)
{
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        oji_memory_region *region = &slab->regions[segment->kind - 1];
        uint64_t offset = segment->run_addr;
        segment->write = region->write + offset;
        segment->run_addr = (uint64_t)(uintptr_t)(region->run + offset);
        segment->flags |= OJ_SEGMENT_ZEROED;
        region->used += segment->size;
    }
    placement->token = slab;
}

bool oji_memory_slab_create_single(oji_memory_slab **out, uint32_t mode, oj_placement *placement,
                                   oji_memory_failure *failure)
{
    slab_shape shape;
    bool fits = shape_single(&shape, placement, true);
    if (!fits || (placement->reach && shape.total - shape.start[0] > placement->reach)) {
        failure->step = fits ? "reach" : "size of the segments";
        failure->system_error = EOVERFLOW;
        return false;
    }
    if (!create(out, mode, &shape, placement->low_addr, placement->high_addr, failure))
        return false;
    (*out)->is_single = true;
    (*out)->is_retired = true;
    (*out)->n_live = 1;
    (*out)->mapped = shape.size[0] + shape.size[1] + shape.size[2];
    answer_single(*out, placement);
    return true;
}

/* --- placing -------------------------------------------------------------------------------------------------------- */

static uint64_t pages_below(uint32_t top) { return round_up((uint64_t)top * OJI_MEMORY_GRANULE, oji_memory_os_page_size()); }

static uint64_t count_granules(const oj_placement *placement, const oj_segment *segment)
{
    uint64_t unit = placement->flags & OJ_PLACEMENT_WHOLE_PAGES ? oji_memory_os_page_size() : OJI_MEMORY_GRANULE;
    return round_up(segment->size, unit) / OJI_MEMORY_GRANULE;
}

/* Small links leave a trail of table entries in the write view, each counted by the system as if it were memory of its
 * own: they are dropped in bulk as the region's top moves on. A link that still writes there faults them in again. */
static void forget_trail(oji_memory_region *region)
{
    uint64_t done = (uint64_t)region->zone.top * OJI_MEMORY_GRANULE & ~(oji_memory_os_page_size() - 1);
    if (!region->is_file || done < region->forgotten + OJI_MEMORY_BULK)
        return;
    oji_memory_os_forget_view(region->write + region->forgotten, done - region->forgotten);
    region->forgotten = done;
}

static bool place_segment(oji_memory_slab *slab, oj_placement *placement, oj_segment *segment, uint64_t *allowance,
                          bool *is_recycled)
{
    oji_memory_region *region = &slab->regions[segment->kind - 1];
    oji_memory_zone *zone = &region->zone;
    uint64_t n = count_granules(placement, segment), alignment = alignment_of(placement, segment);
    uint64_t before = pages_below(zone->top), offset;
    uint64_t limit = *allowance > region->size - before ? region->size : before + *allowance;
    uint32_t top = zone->top, index;
    if (segment->size > region->size || n > zone->n_granules)
        return false;
    index = oji_memory_zone_take(zone, (uint32_t)n,
                                 alignment > OJI_MEMORY_GRANULE ? (uint32_t)(alignment / OJI_MEMORY_GRANULE) : 1,
                                 (uint32_t)(limit / OJI_MEMORY_GRANULE));
    if (index == OJI_MEMORY_NONE)
        return false;
    *allowance -= pages_below(zone->top) - before;
    offset = (uint64_t)index * OJI_MEMORY_GRANULE;
    segment->write = region->write + offset;
    segment->run_addr = (uint64_t)(uintptr_t)(region->run + offset);
    if (index >= top)
        segment->flags |= OJ_SEGMENT_ZEROED;
    else if (segment->kind == OJ_SEGMENT_CODE)
        *is_recycled = true;
    return true;
}

static uint32_t index_of(const oji_memory_region *region, uint64_t run_addr)
{
    return (uint32_t)((run_addr - (uint64_t)(uintptr_t)region->run) / OJI_MEMORY_GRANULE);
}

/* Nothing was written yet, so that what was never handed out before still is. */
static void undo(oji_memory_slab *slab, oj_placement *placement, size_t n_placed,
                 const uint32_t tops[OJI_MEMORY_KINDS])
{
    for (size_t i = 0; i < n_placed; i++) {
        oj_segment *segment = &placement->segments[i];
        oji_memory_region *region = &slab->regions[segment->kind - 1];
        uint32_t index = index_of(region, segment->run_addr);
        oji_memory_zone_free(&region->zone, index, oji_memory_zone_length(&region->zone, index));
        segment->write = NULL;
        segment->run_addr = 0;
        segment->flags &= ~OJ_SEGMENT_ZEROED;
    }
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        slab->regions[k].zone.top = tops[k];
}

static void add_amounts(oji_memory_amounts *amounts, const oj_segment *segment, uint64_t n_granules)
{
    uint64_t size = n_granules * OJI_MEMORY_GRANULE;
    amounts->used[segment->kind - 1] += size;
    amounts->lost += size - segment->size;
}

static uint64_t count_mapped(const oji_memory_slab *slab)
{
    uint64_t mapped = 0;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        mapped += pages_below(slab->regions[k].zone.top);
    return mapped;
}

bool oji_memory_slab_place(oji_memory_slab *slab, oj_placement *placement, uint64_t allowance,
                           oji_memory_amounts *amounts)
{
    uint32_t tops[OJI_MEMORY_KINDS];
    bool is_recycled = false;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        tops[k] = slab->regions[k].zone.top;
    for (size_t i = 0; i < placement->n_segments; i++) {
        if (!place_segment(slab, placement, &placement->segments[i], &allowance, &is_recycled)) {
            undo(slab, placement, i, tops);
            return false;
        }
    }
    memset(amounts, 0, sizeof *amounts);
    for (size_t i = 0; i < placement->n_segments; i++)
        add_amounts(amounts, &placement->segments[i], count_granules(placement, &placement->segments[i]));
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        forget_trail(&slab->regions[k]);
    slab->mapped = count_mapped(slab);
    slab->n_live++;
    placement->token = (void *)((uintptr_t)slab | (is_recycled ? OJI_MEMORY_TOKEN_RECYCLED : 0));
    return true;
}

/* --- taking back ---------------------------------------------------------------------------------------------------- */

/* The granules of a segment that this slab gave and still has; 0 where it did not. */
static uint32_t find_segment(const oji_memory_slab *slab, const oj_segment *segment)
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
    n = oji_memory_zone_length(&region->zone, index_of(region, segment->run_addr));
    return segment->size <= (uint64_t)n * OJI_MEMORY_GRANULE ? n : 0;
}

void oji_memory_slab_recycle(oji_memory_slab *slab)
{
    /* Without it other cores may still hold the old instructions; where fetch is coherent they drop them by
     * themselves, and the call only settles what they had begun. */
    if (slab->n_dead == 0 || (!oji_memory_os_synchronize() && !oji_memory_os_fetch_is_coherent))
        return;
    for (uint32_t i = 0; i < slab->n_dead; i++)
        oji_memory_zone_free(&slab->regions[OJ_SEGMENT_CODE - 1].zone, slab->dead[i].index, slab->dead[i].n);
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

static void release_segment(oji_memory_slab *slab, const oj_segment *segment, uint32_t n)
{
    oji_memory_region *region = &slab->regions[segment->kind - 1];
    uint32_t index = index_of(region, segment->run_addr);
    if (slab->is_retired || index < region->frozen) {
        oji_memory_zone_retire(&region->zone, index);
    } else if (segment->kind == OJ_SEGMENT_CODE) {
        memset(region->write + (uint64_t)index * OJI_MEMORY_GRANULE, oji_memory_os_trap,
               (size_t)n * OJI_MEMORY_GRANULE);
        oji_memory_zone_retire(&region->zone, index);
        bury(slab, index, n);
    } else {
        oji_memory_zone_free(&region->zone, index, n);
    }
}

static bool release_single(oji_memory_slab *slab, oji_memory_amounts *amounts)
{
    if (slab->n_live == 0)
        return false;
    slab->n_live = 0;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        amounts->used[k] = slab->regions[k].used;
    return true;
}

bool oji_memory_slab_release(oji_memory_slab *slab, const oj_placement *placement, oji_memory_amounts *amounts)
{
    memset(amounts, 0, sizeof *amounts);
    if (slab->is_single)
        return release_single(slab, amounts);
    if (slab->n_live == 0)
        return false;
    for (size_t i = 0; i < placement->n_segments; i++)
        if (find_segment(slab, &placement->segments[i]) == 0)
            return false;
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *segment = &placement->segments[i];
        uint32_t n = find_segment(slab, segment);
        if (n == 0) /* listed twice */
            continue;
        add_amounts(amounts, segment, n);
        release_segment(slab, segment, n);
    }
    slab->n_live--;
    return true;
}

/* --- fork ----------------------------------------------------------------------------------------------------------- */

/* In the parent: the child may run or read everything of the file that is live now, for as long as it likes. Room
 * that is free now, or never was used, is nothing to the child, who places nothing here. */
void oji_memory_slab_freeze(oji_memory_slab *slab)
{
    if (slab->n_live == 0)
        return;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        if (slab->regions[k].is_file)
            slab->regions[k].frozen = slab->regions[k].zone.top;
}

/* In the child: the write view was not inherited, and its address may already be something else's. */
void oji_memory_slab_inherit(oji_memory_slab *slab)
{
    if (!slab->view)
        return;
    slab->view = NULL;
    slab->view_size = 0;
    slab->n_mappings--;
    slab->is_retired = true;
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        if (slab->regions[k].is_file)
            slab->regions[k].write = NULL;
}
