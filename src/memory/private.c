/* Private mode in shared slabs: code that many links share pages for, in private memory that is never writable and
 * executable, and never loses the right to execute while something may run in it.
 *
 * A link writes to a range of the stage. To publish it, each page of code that it touches is built in the twin (what
 * the page holds already, with the new bytes) and then moved over the old one; rodata, which nothing executes, is made
 * writable for the moment of a copy. All under the provider's lock: two links that share a page take turns. */
#include "memory/slab.h"

/* Stands before each range of the stage, so that a stale write address cannot give back what is another's by now. */
typedef struct stage_header {
    uint64_t run_addr; /* of the segment that the range is for */
    uint64_t reserved;
} stage_header;

_Static_assert(sizeof(stage_header) == OJI_MEMORY_GRANULE, "a header is one granule");

static uint64_t page_down(uint64_t value) { return value & ~(oji_memory_os_page_size() - 1); }
static uint64_t page_up(uint64_t value) { return page_down(value + oji_memory_os_page_size() - 1); }

/* Needs the code's memory untouched: the twin is what was mapped there. In keys mode the stage is one mapping with the
 * data before it. */
bool oji_memory_private_prepare(oji_memory_slab *slab, oji_memory_failure *failure)
{
    oji_memory_region *code = &slab->regions[OJI_MEMORY_CODE], *rodata = &slab->regions[OJI_MEMORY_RODATA];
    if (slab->mode == OJ_MEMORY_MODE_PRIVATE) {
        slab->n_mappings += 2;
        if (!oji_memory_os_make_twin(code->run, slab->regions[OJI_MEMORY_TWIN].run, code->size, failure))
            return false;
    }
    return oji_memory_os_protect(rodata->run, rodata->size, OJI_MEMORY_READ, failure);
}

/* The granules from a range's start to its data: the header, and what the alignment asks for. */
static uint32_t count_lead(const oj_segment *segment)
{
    return segment->alignment > OJI_MEMORY_GRANULE ? (uint32_t)(segment->alignment / OJI_MEMORY_GRANULE) : 1;
}

/* The zone aligns the range, and a lead of one alignment keeps the data aligned behind the header. */
bool oji_memory_private_stage(oji_memory_slab *slab, oj_segment *segment)
{
    oji_memory_region *stage = &slab->regions[OJI_MEMORY_STAGE];
    uint32_t lead = count_lead(segment);
    uint32_t n = (uint32_t)((segment->size + OJI_MEMORY_GRANULE - 1) / OJI_MEMORY_GRANULE);
    uint32_t index = oji_memory_zone_take(&stage->zone, lead + n, lead, stage->zone.n_granules);
    stage_header header = {.run_addr = segment->run_addr};
    if (index == OJI_MEMORY_NONE)
        return false;
    segment->write = stage->run + (uint64_t)(index + lead) * OJI_MEMORY_GRANULE;
    memcpy((uint8_t *)segment->write - sizeof header, &header, sizeof header);
    return true;
}

/* Where a segment's range of the stage begins, in granules; OJI_MEMORY_NONE where it has none. The write address comes
 * back from a client and may be stale: the zone says whether a range lives there, the header whether it is this
 * segment's. */
static uint32_t find_staged(const oji_memory_slab *slab, const oj_segment *segment)
{
    const oji_memory_region *stage = &slab->regions[OJI_MEMORY_STAGE];
    uintptr_t write = (uintptr_t)segment->write, start = (uintptr_t)stage->run;
    uint32_t lead, index, n;
    stage_header header;
    if (write < start || write - start >= stage->size || !oji_is_power_of_two(segment->alignment) ||
        segment->alignment > oji_memory_os_page_size())
        return OJI_MEMORY_NONE;
    lead = count_lead(segment);
    index = (uint32_t)((write - start) / OJI_MEMORY_GRANULE);
    if ((write - start) % OJI_MEMORY_GRANULE != 0 || index < lead)
        return OJI_MEMORY_NONE;
    n = oji_memory_zone_length(&stage->zone, index - lead);
    if (n <= lead || segment->size > (uint64_t)(n - lead) * OJI_MEMORY_GRANULE)
        return OJI_MEMORY_NONE;
    memcpy(&header, (const uint8_t *)segment->write - sizeof header, sizeof header);
    return header.run_addr == segment->run_addr ? index - lead : OJI_MEMORY_NONE;
}

void oji_memory_private_unstage(oji_memory_slab *slab, const oj_segment *segment)
{
    oji_memory_zone *zone = &slab->regions[OJI_MEMORY_STAGE].zone;
    uint32_t index = find_staged(slab, segment);
    if (index != OJI_MEMORY_NONE)
        oji_memory_zone_free(zone, index, oji_memory_zone_length(zone, index));
}

/* A move makes its pages of the twin executable first and writable again last; either may have failed. */
bool oji_memory_private_open_twin(oji_memory_slab *slab, oji_memory_failure *failure)
{
    const oji_memory_region *twin = &slab->regions[OJI_MEMORY_TWIN];
    if (slab->is_twin_shut && !oji_memory_os_protect(twin->run, twin->size, OJI_MEMORY_READ_WRITE, failure))
        return false;
    slab->is_twin_shut = false;
    return true;
}

bool oji_memory_private_move_in(oji_memory_slab *slab, uint64_t offset, uint64_t size, oji_memory_failure *failure)
{
    uint8_t *run = slab->regions[OJI_MEMORY_CODE].run, *twin = slab->regions[OJI_MEMORY_TWIN].run;
    if (!oji_memory_os_may_move(slab->base + slab->size - oji_memory_os_page_size(), failure))
        return false;
    slab->is_twin_shut = !oji_memory_os_move(run + offset, twin + offset, size, failure);
    return !slab->is_twin_shut;
}

/* Copy into the twin what [from, to) of the code region holds; pages beyond `done` hold nothing. */
static void copy_to_twin(oji_memory_slab *slab, uint64_t from, uint64_t to)
{
    const oji_memory_region *code = &slab->regions[OJI_MEMORY_CODE];
    if (to > code->done)
        to = code->done;
    if (from < to)
        memcpy(slab->regions[OJI_MEMORY_TWIN].run + from, code->run + from, (size_t)(to - from));
}

/* The pages at both ends may hold others' code: it is copied with them. `done` rises only where all went well: what a
 * publication that failed left beyond it is nobody's code. */
static bool publish_code(oji_memory_slab *slab, const oj_segment *segment, oji_memory_failure *failure)
{
    oji_memory_region *code = &slab->regions[OJI_MEMORY_CODE];
    uint8_t *twin = slab->regions[OJI_MEMORY_TWIN].run;
    uint64_t offset = segment->run_addr - (uint64_t)(uintptr_t)code->run, end = offset + segment->size;
    uint64_t first = page_down(offset), last = page_up(end);
    if (!oji_memory_private_open_twin(slab, failure))
        return false;
    copy_to_twin(slab, first, offset);
    memcpy(twin + offset, segment->write, (size_t)segment->size);
    copy_to_twin(slab, end, last);
    if (!oji_memory_private_move_in(slab, first, last - first, failure))
        return false;
    if (last > code->done)
        code->done = last;
    return true;
}

/* Whoever reads its neighbours meanwhile may go on: reading is allowed before, during and after. */
static bool publish_rodata(oji_memory_slab *slab, const oj_segment *segment, oji_memory_failure *failure)
{
    oji_memory_region *rodata = &slab->regions[OJI_MEMORY_RODATA];
    uint64_t offset = segment->run_addr - (uint64_t)(uintptr_t)rodata->run;
    uint64_t first = page_down(offset), size = page_up(offset + segment->size) - first;
    if (!oji_memory_os_protect(rodata->run + first, size, OJI_MEMORY_READ_WRITE, failure))
        return false;
    memcpy(rodata->run + offset, segment->write, (size_t)segment->size);
    return oji_memory_os_protect(rodata->run + first, size, OJI_MEMORY_READ, failure);
}

/* A segment that was published has nothing staged: a call after one that failed goes on where that stopped. */
bool oji_memory_private_publish(oji_memory_slab *slab, const oj_placement *placement, oji_memory_failure *failure)
{
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        bool is_code = segment->kind == OJ_SEGMENT_CODE;
        if (segment->kind == OJ_SEGMENT_DATA || find_staged(slab, segment) == OJI_MEMORY_NONE)
            continue;
        if (!(is_code ? publish_code : publish_rodata)(slab, segment, failure))
            return false;
        oji_memory_private_unstage(slab, segment);
        segment->write = NULL;
    }
    return true;
}

/* Rebuild the pages of [from, to) that hold dead runs, as one range. Runs are cut to the range: one that crosses a
 * border is filled from both sides. Code between them is live and is copied. */
static bool fill_range(oji_memory_slab *slab, uint64_t from, uint64_t to)
{
    oji_memory_failure failure;
    uint8_t *twin = slab->regions[OJI_MEMORY_TWIN].run;
    uint64_t first = to, last = from;
    for (uint32_t i = 0; i < slab->n_dead; i++) {
        uint64_t start = (uint64_t)slab->dead[i].index * OJI_MEMORY_GRANULE;
        uint64_t end = start + (uint64_t)slab->dead[i].n * OJI_MEMORY_GRANULE;
        if (end <= from || start >= to)
            continue;
        first = start > from ? (start < first ? start : first) : from;
        last = end < to ? (end > last ? end : last) : to;
    }
    if (first >= last)
        return true;
    if (!oji_memory_private_open_twin(slab, &failure))
        return false;
    first = page_down(first);
    last = page_up(last);
    copy_to_twin(slab, first, last);
    for (uint32_t i = 0; i < slab->n_dead; i++) {
        uint64_t start = (uint64_t)slab->dead[i].index * OJI_MEMORY_GRANULE;
        uint64_t end = start + (uint64_t)slab->dead[i].n * OJI_MEMORY_GRANULE;
        start = start > first ? start : first;
        end = end < last ? end : last;
        if (start < end)
            memset(twin + start, oji_memory_os_trap, (size_t)(end - start));
    }
    return oji_memory_private_move_in(slab, first, last - first, &failure);
}

bool oji_memory_private_fill_dead(oji_memory_slab *slab)
{
    const oji_memory_region *code = &slab->regions[OJI_MEMORY_CODE];
    /* Few enough parts that looking at every run for each costs little; small ones, so that live code between is not
     * copied for nothing. */
    uint64_t part = page_up(code->size / 256 > OJI_MEMORY_BULK ? code->size / 256 : OJI_MEMORY_BULK);
    uint64_t top = (uint64_t)code->zone.top * OJI_MEMORY_GRANULE;
    for (uint64_t from = 0; from < top; from += part)
        if (!fill_range(slab, from, from + part < code->size ? from + part : code->size))
            return false;
    return true;
}
