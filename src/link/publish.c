/* From written bytes to code that may run: flush, permissions, other cores. What the client's table leaves out is done
 * here, unless its flags say that the client does it elsewhere. */
#include "link/link.h"

oj_status oji_link_callback_failed(oj_error *error, oj_status status, const char *callback)
{
    if (error && (error->status != status || error->text[0] == '\0'))
        return oji_fail(error, status, "%s() failed: %s", callback, oj_status_text(status));
    return status;
}

static bool is_for_this_host(const oj_plan *plan) { return plan->arch == oji_arch_host(); }

static oj_status flush_code(const oj_plan *plan, const oj_segment *segment, oj_error *error)
{
    if (plan->table.flush) {
        oj_status status =
            plan->table.flush(plan->table.context, segment->write, segment->run_addr, segment->size, error);
        return status == OJ_OK ? OJ_OK : oji_link_callback_failed(error, status, "oj_memory.flush");
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

static const oj_segment *find_segment(const oj_placement *placement, uint32_t kind)
{
    for (size_t i = 0; i < placement->n_segments; i++)
        if (placement->segments[i].kind == kind)
            return &placement->segments[i];
    return NULL;
}

/* Leave out of `range` the edge pages that `other` also uses. */
static void exclude(struct page_range *range, const oj_segment *other)
{
    struct page_range taken;
    if (!other)
        return;
    taken = pages_of(other);
    if (taken.start <= range->start && taken.end > range->start)
        range->start = taken.end < range->end ? taken.end : range->end;
    if (taken.end >= range->end && taken.start < range->end)
        range->end = taken.start > range->start ? taken.start : range->start;
}

/* Pages of code become executable. Read-only data becomes so on the pages it shares with neither code nor data. Code
 * and data on one page could only be had with a page that is writable and executable: refused. */
static oj_status protect_in_place(const oj_placement *placement, oj_error *error)
{
    const oj_segment *code = find_segment(placement, OJ_SEGMENT_CODE);
    const oj_segment *rodata = find_segment(placement, OJ_SEGMENT_RODATA);
    const oj_segment *data = find_segment(placement, OJ_SEGMENT_DATA);
    struct page_range range;
    if (code && data) {
        struct page_range code_pages = pages_of(code), data_pages = pages_of(data);
        if (code_pages.start < data_pages.end && data_pages.start < code_pages.end)
            return oji_fail(error, OJ_E_PLACEMENT,
                            "oj_memory.place() put code and data on one page (at 0x%llx): the page would have to be "
                            "writable and executable",
                            (unsigned long long)(code_pages.start > data_pages.start ? code_pages.start
                                                                                     : data_pages.start));
    }
    if (rodata && rodata->run_addr == (uint64_t)(uintptr_t)rodata->write) {
        range = pages_of(rodata);
        exclude(&range, data);
        exclude(&range, code);
        if (range.start < range.end)
            OJI_TRY(oji_link_protect_pages(range.start, range.end, OJ_SEGMENT_RODATA, error));
    }
    if (code && code->run_addr == (uint64_t)(uintptr_t)code->write) {
        range = pages_of(code);
        OJI_TRY(oji_link_protect_pages(range.start, range.end, OJ_SEGMENT_CODE, error));
    }
    return OJ_OK;
}

static oj_status protect(const oj_plan *plan, const oj_placement *placement, oj_error *error)
{
    if (plan->table.protect) {
        oj_status status = plan->table.protect(plan->table.context, placement, error);
        return status == OJ_OK ? OJ_OK : oji_link_callback_failed(error, status, "oj_memory.protect");
    }
    if ((plan->table.flags & OJ_PERMISSIONS_BY_CLIENT) || !is_for_this_host(plan))
        return OJ_OK;
    return protect_in_place(placement, error);
}

static oj_status synchronize(const oj_plan *plan, const oj_placement *placement, oj_error *error)
{
    if (plan->table.synchronize) {
        oj_status status = plan->table.synchronize(plan->table.context, placement, error);
        return status == OJ_OK ? OJ_OK : oji_link_callback_failed(error, status, "oj_memory.synchronize");
    }
    /* The client's allocator may have handed out an address that ran before. */
    if (!(plan->table.flags & OJ_CACHE_BY_CLIENT) && is_for_this_host(plan))
        oji_link_synchronize_cores();
    return OJ_OK;
}

oj_status oji_link_publish(const oj_plan *plan, oj_placement *placement, oj_error *error)
{
    for (size_t i = 0; i < placement->n_segments; i++)
        if (placement->segments[i].kind == OJ_SEGMENT_CODE)
            OJI_TRY(flush_code(plan, &placement->segments[i], error));
    OJI_TRY(protect(plan, placement, error));
    return synchronize(plan, placement, error);
}
