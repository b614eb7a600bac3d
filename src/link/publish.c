/* From written bytes to code that may run: flush, permissions, other cores. What the client's table leaves out is done
 * here, unless its flags say that the client does it elsewhere. */
#include "link/link.h"

static bool is_for_this_host(const oj_plan *plan) { return plan->arch == oji_arch_host(); }

static oj_status flush_code(const oj_plan *plan, const oj_segment *segment, oj_error *error)
{
    if (plan->table.flush) {
        oj_status status;
        oji_clear_error(error);
        status = plan->table.flush(plan->table.context, segment->write, segment->run_addr, segment->size, error);
        return status == OJ_OK ? OJ_OK : oji_fail_callback(error, status, "oj_memory.flush");
    }
    if (!(plan->table.flags & OJ_CACHE_BY_CLIENT) && is_for_this_host(plan))
        oji_arch_flush_host(segment->write, segment->run_addr, segment->size);
    return OJ_OK;
}

struct page_range {
    uint64_t start;
    uint64_t end;
};

static struct page_range pages_of(const oj_segment *segment)
{
    uint64_t page = oji_link_page_size();
    struct page_range range;
    range.start = segment->run_addr & ~(page - 1);
    range.end = (segment->run_addr + segment->size + page - 1) & ~(page - 1);
    return range;
}

static bool shares_pages(const oj_segment *a, const oj_segment *b)
{
    struct page_range x = pages_of(a), y = pages_of(b);
    return x.start < y.end && y.start < x.end;
}

/* Leave out of `range` the edge pages that `other` also uses. */
static void exclude(struct page_range *range, const oj_segment *other)
{
    struct page_range taken = pages_of(other);
    if (taken.start <= range->start && taken.end > range->start)
        range->start = taken.end < range->end ? taken.end : range->end;
    if (taken.end >= range->end && taken.start < range->end)
        range->end = taken.start > range->start ? taken.start : range->start;
}

static bool is_written_in_place(const oj_segment *segment)
{
    return segment->run_addr == (uint64_t)(uintptr_t)segment->write;
}

/* Code and data on one page could only be had with a page that is writable and executable. */
static oj_status check_no_data(const oj_placement *placement, const oj_segment *code, oj_error *error)
{
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *data = &placement->segments[i];
        if (data->kind == OJ_SEGMENT_DATA && shares_pages(code, data))
            return oji_fail(error, OJ_E_PLACEMENT,
                            "the placement puts code at 0x%llx and data at 0x%llx on one page, which would have to be "
                            "writable and executable",
                            (unsigned long long)code->run_addr, (unsigned long long)data->run_addr);
    }
    return OJ_OK;
}

/* Read-only data becomes so on the pages that it shares with nothing else. */
static oj_status protect_rodata(const oj_placement *placement, const oj_segment *rodata, oj_error *error)
{
    struct page_range range = pages_of(rodata);
    for (size_t i = 0; i < placement->n_segments; i++)
        if (placement->segments[i].kind != OJ_SEGMENT_RODATA)
            exclude(&range, &placement->segments[i]);
    return range.start < range.end ? oji_link_protect_pages(range.start, range.end, OJ_SEGMENT_RODATA, error) : OJ_OK;
}

/* Code last: a page that it shares with read-only data ends up readable and executable. */
static oj_status protect_in_place(const oj_placement *placement, oj_error *error)
{
    for (size_t i = 0; i < placement->n_segments; i++)
        if (placement->segments[i].kind == OJ_SEGMENT_CODE)
            OJI_TRY(check_no_data(placement, &placement->segments[i], error));
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *segment = &placement->segments[i];
        if (segment->kind == OJ_SEGMENT_RODATA && is_written_in_place(segment))
            OJI_TRY(protect_rodata(placement, segment, error));
    }
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *segment = &placement->segments[i];
        if (segment->kind == OJ_SEGMENT_CODE && is_written_in_place(segment)) {
            struct page_range range = pages_of(segment);
            OJI_TRY(oji_link_protect_pages(range.start, range.end, OJ_SEGMENT_CODE, error));
        }
    }
    return OJ_OK;
}

static oj_status protect(const oj_plan *plan, const oj_placement *placement, oj_error *error)
{
    if (plan->table.protect) {
        oj_status status;
        oji_clear_error(error);
        status = plan->table.protect(plan->table.context, placement, error);
        return status == OJ_OK ? OJ_OK : oji_fail_callback(error, status, "oj_memory.protect");
    }
    if ((plan->table.flags & OJ_PERMISSIONS_BY_CLIENT) || !is_for_this_host(plan))
        return OJ_OK;
    return protect_in_place(placement, error);
}

static oj_status synchronize(const oj_plan *plan, const oj_placement *placement, oj_error *error)
{
    if (plan->table.synchronize) {
        oj_status status;
        oji_clear_error(error);
        status = plan->table.synchronize(plan->table.context, placement, error);
        return status == OJ_OK ? OJ_OK : oji_fail_callback(error, status, "oj_memory.synchronize");
    }
    /* The client's allocator may have handed out an address that ran before. */
    if (!(plan->table.flags & OJ_CACHE_BY_CLIENT) && is_for_this_host(plan))
        oji_link_synchronize_cores();
    return OJ_OK;
}

oj_status oji_link_publish(const oj_plan *plan, const oj_placement *placement, oj_error *error)
{
    for (size_t i = 0; i < placement->n_segments; i++)
        if (placement->segments[i].kind == OJ_SEGMENT_CODE)
            OJI_TRY(flush_code(plan, &placement->segments[i], error));
    OJI_TRY(protect(plan, placement, error));
    return synchronize(plan, placement, error);
}
