/* Making slabs, and what a fork does to them.
 *
 * Stages: the shape (sizes, alignments, then starts), one reservation, the record in its first pages, the regions over
 * it, and for shared slabs the zones' tables. The last page stays without access: it stops what runs off the end.
 * The kernel's zeroes are the record's and the tables' first content, so that only what differs is set. */
#include "memory/slab.h"

#include <errno.h>

static uint64_t round_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

/* Where a slab's parts go, in bytes from its base. */
typedef struct slab_shape {
    uint64_t start[OJI_MEMORY_REGIONS];
    uint64_t size[OJI_MEMORY_REGIONS];      /* whole pages */
    uint64_t alignment[OJI_MEMORY_REGIONS]; /* at least a page */
    uint64_t table_size;
    uint64_t total;
    uint64_t base_alignment;
    bool is_huge; /* all of it in one mapping of huge pages to begin with */
    bool is_full; /* of a single slab: all of it will be written at once */
} slab_shape;

static void init_shape(slab_shape *shape)
{
    memset(shape, 0, sizeof *shape);
    for (unsigned r = 0; r < OJI_MEMORY_REGIONS; r++)
        shape->alignment[r] = oji_memory_os_page_size();
}

/* A huge page needs all of its address range in one region, with one set of permissions. */
static bool fit_huge_pages(slab_shape *shape)
{
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++) {
        if (shape->size[k] < OJI_MEMORY_HUGE_PAGE / 2)
            continue;
        if (!oji_align_up(shape->size[k], OJI_MEMORY_HUGE_PAGE, &shape->size[k]))
            return false;
        if (shape->alignment[k] < OJI_MEMORY_HUGE_PAGE)
            shape->alignment[k] = OJI_MEMORY_HUGE_PAGE;
    }
    return true;
}

/* Needs sizes and alignments; fills in all else. The sum's bound lets pointers into the slab be subtracted. One page
 * more than the regions: the guard. */
static bool arrange(slab_shape *shape, uint64_t table_size)
{
    uint64_t offset = round_up(table_size, oji_memory_os_page_size());
    shape->table_size = offset;
    shape->base_alignment = oji_memory_os_page_size();
    for (unsigned r = 0; r < OJI_MEMORY_REGIONS; r++) {
        if (!oji_align_up(offset, shape->alignment[r], &shape->start[r]) ||
            !oji_add(shape->start[r], shape->size[r], &offset))
            return false;
        if (shape->alignment[r] > shape->base_alignment)
            shape->base_alignment = shape->alignment[r];
    }
    return oji_add(offset, oji_memory_os_page_size(), &shape->total) && shape->total <= PTRDIFF_MAX;
}

/* Code and rodata are one memory file: from the first one's start to the last one's end. A gap that an alignment leaves
 * between them belongs to it: offsets in the file are those from the code's start. */
static uint64_t file_size(const slab_shape *shape)
{
    uint64_t rodata_size = shape->size[OJI_MEMORY_RODATA];
    return rodata_size ? shape->start[OJI_MEMORY_RODATA] + rodata_size - shape->start[OJI_MEMORY_CODE]
                       : shape->size[OJI_MEMORY_CODE];
}

static bool map_views(oji_memory_slab *slab, const slab_shape *shape, oji_memory_failure *failure)
{
    uint64_t start = shape->start[OJI_MEMORY_CODE], code_size = shape->size[OJI_MEMORY_CODE];
    uint64_t rodata_size = shape->size[OJI_MEMORY_RODATA], size = file_size(shape);
    if (size > 0) {
        oji_memory_file file = {size, code_size, shape->base_alignment, shape->is_full};
        if (!oji_memory_os_map_views(slab->base + start, &file, &slab->view, failure))
            return false;
        slab->view_size = size;
        slab->n_mappings += 1u + (code_size != 0) + (rodata_size != 0);
    }
    return oji_memory_os_map_private(slab->base + shape->start[OJI_MEMORY_DATA], shape->size[OJI_MEMORY_DATA], failure);
}

/* Everything between the tables and the guard page, in one mapping. Counted as they are once permissions differ, which
 * is how a slab spends its life. */
static bool map_all_private(oji_memory_slab *slab, const slab_shape *shape, oji_memory_failure *failure)
{
    uint64_t end = shape->total - oji_memory_os_page_size();
    slab->n_mappings += (shape->size[OJI_MEMORY_CODE] ? 1u : 0u) + (shape->size[OJI_MEMORY_RODATA] ? 1u : 0u);
    return shape->is_huge ||
           oji_memory_os_map_private(slab->base + shape->table_size, end - shape->table_size, failure);
}

/* Needs the slab's mode and base; fills in the regions. What fails half-way is for oji_memory_slab_destroy(). The
 * tables and the guard page are two mappings of every slab. */
static bool map_regions(oji_memory_slab *slab, const slab_shape *shape, oji_memory_failure *failure)
{
    bool is_views = slab->mode == OJ_MEMORY_MODE_VIEWS;
    slab->n_mappings = 2u + (shape->size[OJI_MEMORY_DATA] != 0);
    if (!(is_views ? map_views : map_all_private)(slab, shape, failure))
        return false;
    for (unsigned r = 0; r < OJI_MEMORY_REGIONS; r++) {
        oji_memory_region *region = &slab->regions[r];
        region->is_file = slab->view && (r == OJI_MEMORY_CODE || r == OJI_MEMORY_RODATA);
        region->run = slab->base + shape->start[r];
        region->write = region->run;
        region->size = shape->size[r];
        if (region->is_file)
            region->write = slab->view + (shape->start[r] - shape->start[OJI_MEMORY_CODE]);
    }
    return slab->mode != OJ_MEMORY_MODE_KEYS ||
           oji_memory_os_protect_by_key(slab->regions[OJI_MEMORY_CODE].run, shape->size[OJI_MEMORY_CODE], slab->key,
                                        failure);
}

/* Code and rodata of a shared slab in private mode change page by page, which would only break huge pages up. */
static void advise_huge_pages(const oji_memory_slab *slab)
{
    bool is_by_page = slab->mode != OJ_MEMORY_MODE_VIEWS && !slab->is_single;
    for (unsigned k = is_by_page ? OJI_MEMORY_DATA : 0; k < OJI_MEMORY_KINDS; k++) {
        const oji_memory_region *region = &slab->regions[k];
        if (region->size < OJI_MEMORY_HUGE_PAGE)
            continue;
        oji_memory_os_use_huge_pages(region->run, region->size, true);
        if (region->is_file)
            oji_memory_os_use_huge_pages(region->write, region->size, true);
    }
}

/* One huge page is cheaper than the hundreds of small ones that it stands for. What the last one has beyond the slab is
 * given back at once, and the guard page with it. A store for each makes the kernel supply it, or the small pages that
 * it has instead. */
static bool map_huge(uint8_t *base, const slab_shape *shape, uint64_t reserved, oji_memory_failure *failure)
{
    uint64_t used = shape->total - oji_memory_os_page_size();
    if (!oji_memory_os_map_private(base, reserved, failure))
        return false;
    oji_memory_os_use_huge_pages(base, reserved, true);
    for (uint64_t offset = 0; offset < used; offset += OJI_MEMORY_HUGE_PAGE)
        *(volatile uint8_t *)(base + offset) = 0;
    if (!oji_memory_os_protect(base + used, shape->total - used, OJI_MEMORY_NO_ACCESS, failure))
        return false;
    /* Last: once it is given back another thread may map there, and a failure unmaps all of the reservation. */
    oji_memory_os_unmap(base + shape->total, reserved - shape->total);
    return true;
}

/* The record lies in the slab: until its page is mapped there is nothing but the address to undo. Advice about huge
 * pages never makes it fail. */
static bool create(oji_memory_slab **out, const oji_memory_wish *wish, const slab_shape *shape,
                   oji_memory_failure *failure)
{
    uint8_t *base;
    oji_memory_slab *slab;
    uint64_t reserved = shape->is_huge ? round_up(shape->total, OJI_MEMORY_HUGE_PAGE) : shape->total;
    uint64_t alignment = shape->base_alignment;
    if (shape->is_huge && alignment < OJI_MEMORY_HUGE_PAGE)
        alignment = OJI_MEMORY_HUGE_PAGE;
    *out = NULL;
    if (!oji_memory_os_reserve(reserved, alignment, wish->low, wish->high, &base, failure))
        return false;
    if (shape->is_huge ? !map_huge(base, shape, reserved, failure)
                       : !oji_memory_os_map_private(base, shape->table_size, failure)) {
        oji_memory_os_unmap(base, reserved);
        return false;
    }
    slab = (oji_memory_slab *)(void *)base;
    slab->base = base;
    slab->size = shape->total;
    slab->mode = wish->mode;
    slab->key = wish->key;
    slab->is_single = shape->is_full;
    slab->is_apart = wish->is_apart;
    if (!map_regions(slab, shape, failure)) {
        oji_memory_slab_destroy(slab);
        return false;
    }
    if (wish->huge_pages)
        advise_huge_pages(slab);
    *out = slab;
    return true;
}

void oji_memory_slab_destroy(oji_memory_slab *slab)
{
    oji_memory_os_unmap(slab->view, slab->view_size);
    oji_memory_os_unmap(slab->base, slab->size);
}

static uint64_t record_size(void) { return round_up(sizeof(oji_memory_slab), 64); }

/* The twin has no zone: its room is the code's, at the same offsets. */
static uint32_t count_granules(const slab_shape *shape, unsigned region)
{
    return region == OJI_MEMORY_TWIN ? 0 : (uint32_t)(shape->size[region] / OJI_MEMORY_GRANULE);
}

/* ORDER slab tables: shape_shared() counts the same parts. */
static void init_tables(oji_memory_slab *slab, const slab_shape *shape)
{
    uint64_t offset = record_size();
    slab->dead = (oji_memory_run *)(void *)(slab->base + offset);
    offset += OJI_MEMORY_DEAD_RUNS * sizeof(oji_memory_run);
    for (unsigned r = 0; r < OJI_MEMORY_REGIONS; r++) {
        uint32_t n = count_granules(shape, r);
        oji_memory_zone_init(&slab->regions[r].zone, slab->base + offset, n);
        offset += oji_memory_zone_tables_size(n);
    }
}

/* Half for code: what else small objects have is mostly unwind tables, constants and variables. The stage holds links
 * between their placing and their publishing only. ORDER slab tables: init_tables() lays the same parts out. The
 * bound on slab sizes keeps every sum far from wrapping. */
static void shape_shared(slab_shape *shape, const oji_memory_wish *wish, uint64_t size)
{
    uint64_t table_size = record_size() + OJI_MEMORY_DEAD_RUNS * sizeof(oji_memory_run);
    init_shape(shape);
    if (shape->alignment[OJI_MEMORY_CODE] < OJ_SEGMENT_STRETCH)
        shape->alignment[OJI_MEMORY_CODE] = OJ_SEGMENT_STRETCH;
    shape->size[OJI_MEMORY_CODE] = size / 2;
    shape->size[OJI_MEMORY_RODATA] = size / 4;
    shape->size[OJI_MEMORY_DATA] = size - size / 2 - size / 4;
    if (wish->huge_pages)
        (void)fit_huge_pages(shape);
    if (wish->mode != OJ_MEMORY_MODE_VIEWS)
        shape->size[OJI_MEMORY_STAGE] = size / 4;
    if (wish->mode == OJ_MEMORY_MODE_PRIVATE)
        shape->size[OJI_MEMORY_TWIN] = shape->size[OJI_MEMORY_CODE];
    for (unsigned r = 0; r < OJI_MEMORY_REGIONS; r++)
        if (r != OJI_MEMORY_TWIN)
            table_size += oji_memory_zone_tables_size((uint32_t)(shape->size[r] / OJI_MEMORY_GRANULE));
    (void)arrange(shape, table_size);
}

bool oji_memory_slab_create(oji_memory_slab **out, const oji_memory_wish *wish, uint64_t size,
                            oji_memory_failure *failure)
{
    slab_shape shape;
    *out = NULL;
    shape_shared(&shape, wish, size);
    if (!create(out, wish, &shape, failure))
        return false;
    /* Tables are touched here and there: a huge page of them would hold more than all the code. */
    oji_memory_os_use_huge_pages((*out)->base, shape.table_size, false);
    init_tables(*out, &shape);
    (*out)->is_unpromised = wish->mode == OJ_MEMORY_MODE_VIEWS && !oji_memory_os_supplies_files();
    if (wish->mode == OJ_MEMORY_MODE_VIEWS || oji_memory_private_prepare(*out, failure))
        return true;
    oji_memory_slab_destroy(*out);
    *out = NULL;
    return false;
}

/* --- single slabs ------------------------------------------------------------------------------------------------- */

static uint64_t cuts_size(const slab_shape *shape)
{
    return shape->size[OJI_MEMORY_CODE] / oji_memory_os_page_size() / 8 + 1;
}

/* The shape of a single slab; each segment's offset in its region goes to run_addr where `assign` says so. The region
 * takes the strictest alignment of its segments, so that an offset's alignment is the address's. Needs kinds and
 * alignments checked; sizes may be anything. */
static bool shape_single(slab_shape *shape, const oj_placement *placement, bool huge_pages, bool assign)
{
    uint64_t page = oji_memory_os_page_size();
    init_shape(shape);
    shape->is_full = true;
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        unsigned k = segment->kind - 1;
        bool is_whole = (placement->flags & OJ_PLACEMENT_WHOLE_PAGES) != 0;
        uint64_t alignment = is_whole && segment->alignment < page ? page : segment->alignment, offset;
        if (!oji_align_up(shape->size[k], alignment, &offset) || !oji_add(offset, segment->size, &shape->size[k]))
            return false;
        if (assign)
            segment->run_addr = offset;
        if (alignment > shape->alignment[k])
            shape->alignment[k] = alignment;
    }
    for (unsigned k = 0; k < OJI_MEMORY_KINDS; k++)
        if (!oji_align_up(shape->size[k], page, &shape->size[k]))
            return false;
    return (!huge_pages || fit_huge_pages(shape)) && arrange(shape, record_size() + cuts_size(shape));
}

static uint64_t size_of_segments(const slab_shape *shape)
{
    return shape->size[OJI_MEMORY_CODE] + shape->size[OJI_MEMORY_RODATA] + shape->size[OJI_MEMORY_DATA];
}

uint64_t oji_memory_slab_single_size(const oj_placement *placement, bool huge_pages)
{
    slab_shape shape;
    return shape_single(&shape, placement, huge_pages, false) ? size_of_segments(&shape) : UINT64_MAX;
}

/* shape_single() left each segment's offset in run_addr. */
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

/* To be quick, and only until permissions are set: huge pages pay where the code and rodata, all of which will be
 * written, fill at least half of each. Data may be left unwritten, and would only be zeroed for nothing. */
static bool is_huge_quicker(const slab_shape *shape, uint32_t mode)
{
    uint64_t written = shape->size[OJI_MEMORY_CODE] + shape->size[OJI_MEMORY_RODATA];
    uint64_t used = shape->total - oji_memory_os_page_size(), rest = used % OJI_MEMORY_HUGE_PAGE;
    return mode != OJ_MEMORY_MODE_VIEWS && (rest == 0 || rest >= OJI_MEMORY_HUGE_PAGE / 2) &&
           written >= used - used / 8;
}

bool oji_memory_slab_create_single(oji_memory_slab **out, const oji_memory_wish *wish, oj_placement *placement,
                                   oji_memory_failure *failure)
{
    slab_shape shape;
    bool fits = shape_single(&shape, placement, wish->huge_pages, true);
    *out = NULL;
    if (!fits || (placement->reach && shape.total - shape.start[OJI_MEMORY_CODE] > placement->reach)) {
        failure->step = fits ? "reach" : "size of the segments";
        failure->system_error = EOVERFLOW;
        return false;
    }
    shape.is_huge = !wish->huge_pages && is_huge_quicker(&shape, wish->mode);
    if (!create(out, wish, &shape, failure)) {
        if (!shape.is_huge)
            return false;
        /* Rounded and aligned to huge pages it takes up to four times the address space. */
        shape.is_huge = false;
        if (!create(out, wish, &shape, failure))
            return false;
    }
    (*out)->is_retired = true;
    (*out)->cuts = (*out)->base + record_size();
    (*out)->n_live = placement->n_segments;
    (*out)->mapped = size_of_segments(&shape);
    answer_single(*out, placement);
    return true;
}

/* --- fork --------------------------------------------------------------------------------------------------------- */

/* In the parent: the child may run or read everything of the file that is live now, for as long as it likes. Room
 * that is free now, or never was used, is nothing to the child, who places nothing here. */
void oji_memory_slab_freeze(oji_memory_slab *slab)
{
    if (slab->n_live == 0)
        return;
    for (unsigned r = 0; r < OJI_MEMORY_REGIONS; r++) {
        oji_memory_region *region = &slab->regions[r];
        if (!region->is_file)
            continue;
        region->is_frozen = true;
        if (!slab->is_single)
            oji_memory_zone_keep(&region->zone);
    }
}

/* In the child: the write view was not inherited, and its address may already be something else's. Private memory
 * would still do, but mappings that a fork has copied no longer merge as its pages move in. */
void oji_memory_slab_inherit(oji_memory_slab *slab)
{
    slab->is_retired = true;
    if (!slab->view)
        return;
    slab->view = NULL;
    slab->view_size = 0;
    slab->n_mappings--;
    for (unsigned r = 0; r < OJI_MEMORY_REGIONS; r++)
        if (slab->regions[r].is_file)
            slab->regions[r].write = NULL;
}
