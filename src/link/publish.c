/* From written bytes to code that may run: flush, permissions, other cores. What the client's table leaves out is done
 * here, unless its flags say that the client does it elsewhere. */
#include "link/link.h"

/* Cross-linked code has no cache here to flush: where it runs, flushing is its loader's. */
oj_status oji_link_flush(const oj_memory *table, const oji_arch *arch, void *write, uint64_t run_addr, uint64_t size,
                         oj_error *error)
{
    if (table->flush) {
        oj_status status;
        oji_clear_error(error);
        status = table->flush(table->context, write, run_addr, size, error);
        return status == OJ_OK ? OJ_OK : oji_fail_callback(error, status, "oj_memory.flush");
    }
    if (!(table->flags & OJ_CACHE_BY_CLIENT) && arch == oji_arch_host())
        oji_arch_flush_host(write, run_addr, size);
    return OJ_OK;
}

oj_status oji_link_synchronize(const oj_memory *table, const oji_arch *arch, const oj_placement *placement,
                               oj_error *error)
{
    if (table->synchronize) {
        oj_status status;
        oji_clear_error(error);
        status = table->synchronize(table->context, placement, error);
        return status == OJ_OK ? OJ_OK : oji_fail_callback(error, status, "oj_memory.synchronize");
    }
    /* The client's allocator may have handed out an address that ran before. */
    if (!(table->flags & OJ_CACHE_BY_CLIENT) && arch == oji_arch_host())
        oji_link_synchronize_cores();
    return OJ_OK;
}

struct page_range {
    uint64_t start;
    uint64_t end;
};

/* The pages a segment touches, from the first's start to the last's end. The sum cannot wrap but in the last page of
 * the address space, which no process has. */
static struct page_range pages_of(const oj_segment *segment)
{
    uint64_t page = oji_link_page_size();
    struct page_range range;
    range.start = segment->run_addr & ~(page - 1);
    range.end = (segment->run_addr + segment->size + page - 1) & ~(page - 1);
    return range;
}

/* Half-open ranges meet where each begins before the other ends. */
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

/* A provider with separate views has set permissions when it mapped them: only memory with one address is ours to
 * protect. */
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

/* Read-only data becomes so on the pages that it shares with nothing else. What it shares a page with must stay
 * writable (data) or become executable (code), so that such edge pages are left. */
static oj_status protect_rodata(const oj_placement *placement, const oj_segment *rodata, oj_error *error)
{
    struct page_range range = pages_of(rodata);
    for (size_t i = 0; i < placement->n_segments; i++)
        if (placement->segments[i].kind != OJ_SEGMENT_RODATA)
            exclude(&range, &placement->segments[i]);
    return range.start < range.end ? oji_link_protect_pages(range.start, range.end, OJ_SEGMENT_RODATA, error) : OJ_OK;
}

/* Code last: a page that it shares with read-only data ends up readable and executable. The client's own call comes
 * first, then its word that permissions are its affair. Memory of a foreign architecture is data to this process. */
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
    if ((plan->table.flags & OJ_PERMISSIONS_BY_CLIENT) || plan->arch != oji_arch_host())
        return OJ_OK;
    return protect_in_place(placement, error);
}

/* The order is the promise: bytes are flushed while they can still be written through the view, permissions follow,
 * cores are synchronised last, and only then is an address given out. */
oj_status oji_link_publish(const oj_plan *plan, const oj_placement *placement, oj_error *error)
{
    for (size_t i = 0; i < placement->n_segments; i++) {
        const oj_segment *segment = &placement->segments[i];
        if (segment->kind == OJ_SEGMENT_CODE)
            OJI_TRY(oji_link_flush(&plan->table, plan->arch, segment->write, segment->run_addr, segment->size, error));
    }
    OJI_TRY(protect(plan, placement, error));
    return oji_link_synchronize(&plan->table, plan->arch, placement, error);
}
