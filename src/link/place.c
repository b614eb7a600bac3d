/* Ask the memory provider for all segments at once, or take the addresses the client chose. Either answer is input like
 * any other and is checked before a byte is written. */
#include "link/link.h"

#include <stdio.h>

static const char *kind_name(const oj_segment *segment)
{
    switch (segment->kind) {
    case OJ_SEGMENT_CODE:
        return "code";
    case OJ_SEGMENT_RODATA:
        return "read-only data";
    default:
        return "data";
    }
}

/* `what` completes "gives ... to the segment"; both addresses are told, because either may be the wrong one. */
static oj_status bad_answer(oj_error *error, const oj_segment *segment, const char *what)
{
    const oji_place place = {.object = segment->object, .section = segment->section, .offset = UINT64_MAX};
    return oji_fail_at(error, OJ_E_PLACEMENT, &place,
                       "the placement gives %s to the %s segment%s%s of %llu bytes, alignment %llu: write %p, run "
                       "0x%llx",
                       what, kind_name(segment), segment->section ? " " : "", segment->section ? segment->section : "",
                       (unsigned long long)segment->size, (unsigned long long)segment->alignment, segment->write,
                       (unsigned long long)segment->run_addr);
}

/* Ends may not wrap: everything after this takes differences of addresses freely. The window was told to the
 * provider, so an answer outside it is the provider's error and not a relocation's. */
static oj_status check_segment(const oj_plan *plan, const oj_segment *segment, oj_error *error)
{
    uint64_t write = (uint64_t)(uintptr_t)segment->write, end;
    const char *name;
    char window[256];
    if (!segment->write)
        return bad_answer(error, segment, "no write address");
    if ((write | segment->run_addr) & (segment->alignment - 1))
        return bad_answer(error, segment, "a misaligned address");
    if (!oji_add(write, segment->size, &end) || (uintptr_t)end != end ||
        !oji_add(segment->run_addr, segment->size, &end))
        return bad_answer(error, segment, "an address at the end of the address space");
    if (segment->run_addr >= plan->low_addr && (plan->high_addr == 0 || end <= plan->high_addr))
        return OJ_OK;
    name = oji_link_window_name(plan, segment->run_addr, end);
    snprintf(window, sizeof window, "an address outside the window 0x%llx to 0x%llx%s%.120s%s",
             (unsigned long long)plan->low_addr, (unsigned long long)plan->high_addr, name ? " from where '" : "",
             name ? name : "", name ? "' is reached" : "");
    return bad_answer(error, segment, window);
}

/* --- overlap: sorted by address, neighbours are all there is to compare ------------------------------------------- */

static uint64_t write_start(const oj_segment *segment) { return (uint64_t)(uintptr_t)segment->write; }
static uint64_t run_start(const oj_segment *segment) { return segment->run_addr; }

/* Heapsort: in place, because qsort() may take heap that is not the client's allocator. Restores the heap below
 * `root`, whose children are heaps already; largest at the top, so that the sort ascends. */
static void sift(const oj_segment **heap, uint32_t root, uint32_t n, uint64_t (*start)(const oj_segment *))
{
    for (uint32_t child = root * 2 + 1; child < n; child = root * 2 + 1) {
        const oj_segment *moved = heap[root];
        if (child + 1 < n && start(heap[child + 1]) > start(heap[child]))
            child++;
        if (start(heap[child]) <= start(moved))
            return;
        heap[root] = heap[child];
        heap[child] = moved;
        root = child;
    }
}

static void sort_segments(const oj_segment **segments, uint32_t n, uint64_t (*start)(const oj_segment *))
{
    for (uint32_t i = n / 2; i > 0; i--)
        sift(segments, i - 1, n, start);
    for (uint32_t end = n; end > 1; end--) {
        const oj_segment *last = segments[end - 1];
        segments[end - 1] = segments[0];
        segments[0] = last;
        sift(segments, 0, end - 1, start);
    }
}

/* In the order of `start`, neither of two neighbours may begin inside the other. Checked for write and for run
 * addresses: separate views may overlap in one and not in the other. Leaves `sorted` in that order. */
static oj_status check_overlap(const oj_plan *plan, const oj_segment **sorted, uint64_t (*start)(const oj_segment *),
                               oj_error *error)
{
    for (uint32_t i = 0; i < plan->n_requests; i++)
        sorted[i] = &plan->requests[i];
    sort_segments(sorted, plan->n_requests, start);
    for (uint32_t i = 1; i < plan->n_requests; i++)
        if (start(sorted[i]) - start(sorted[i - 1]) < sorted[i - 1]->size)
            return bad_answer(error, sorted[i], "memory that another segment has, too,");
    return OJ_OK;
}

/* Needs the order of run addresses. From the first byte to the last: with no two of them farther apart than the
 * reach, no reference inside the link can fail for its distance. */
static oj_status check_span(const oj_plan *plan, uint64_t reach, const oj_segment *const *by_run, oj_error *error)
{
    uint64_t lowest = by_run[0]->run_addr, highest;
    const oj_segment *last = by_run[plan->n_requests - 1];
    highest = last->run_addr + last->size;
    if (reach == 0 || highest - lowest <= reach)
        return OJ_OK;
    return oji_fail(error, OJ_E_PLACEMENT,
                    "the placement puts the segments %llu bytes apart (0x%llx to 0x%llx), but they must reach each "
                    "other within %llu",
                    (unsigned long long)(highest - lowest), (unsigned long long)lowest, (unsigned long long)highest,
                    (unsigned long long)reach);
}

/* Sections that are placed singly bring islands and need not reach each other: 0 is no bound. */
static uint64_t reach_of(const oj_plan *plan) { return oji_link_places_singly(&plan->options) ? 0 : plan->arch->reach; }

/* Needs addresses in plan->requests; run addresses are checked last because check_span() uses their order. */
static oj_status check_answer(const oj_plan *plan, oj_error *error)
{
    const oj_segment *few[SEGMENTS], **sorted = few;
    oj_status status;
    if (plan->n_requests == 0)
        return OJ_OK;
    for (uint32_t i = 0; i < plan->n_requests; i++)
        OJI_TRY(check_segment(plan, &plan->requests[i], error));
    few[0] = &plan->requests[0];
    if (plan->n_requests == 1)
        return check_span(plan, reach_of(plan), few, error);
    if (plan->n_requests > SEGMENTS)
        sorted = oji_allocate(&plan->allocator, plan->n_requests * sizeof *sorted);
    if (!sorted)
        return oji_fail_nomem(error, plan->n_requests * sizeof *sorted, "a placement's check");
    status = check_overlap(plan, sorted, write_start, error);
    if (status == OJ_OK)
        status = check_overlap(plan, sorted, run_start, error);
    if (status == OJ_OK)
        status = check_span(plan, reach_of(plan), sorted, error);
    if (sorted != few)
        oji_release(&plan->allocator, sorted, plan->n_requests * sizeof *sorted);
    return status;
}

/* --- the provider ------------------------------------------------------------------------------------------------- */

/* A plan that was linked before has the last link's addresses in its requests: they must not look like an answer. */
static void reset_requests(oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_requests; i++) {
        plan->requests[i].flags = 0;
        plan->requests[i].write = NULL;
        plan->requests[i].run_addr = 0;
    }
}

/* Segments are the plan's own array: the provider's answers need no copying back. */
static void describe(const oj_plan *plan, oj_placement *placement)
{
    memset(placement, 0, sizeof *placement);
    placement->struct_size = (uint32_t)sizeof *placement;
    if (plan->options.flags & OJ_LINK_WHOLE_PAGES)
        placement->flags |= OJ_PLACEMENT_WHOLE_PAGES;
    if ((plan->options.flags & OJ_LINK_PRIVATE_MEMORY) || oji_link_tells_tools(&plan->options))
        placement->flags |= OJ_PLACEMENT_PRIVATE;
    if (oji_link_places_singly(&plan->options))
        placement->flags |= OJ_PLACEMENT_SECTIONS;
    if (plan->options.flags & OJ_LINK_UNWIND_BY_CLIENT)
        placement->flags |= OJ_PLACEMENT_UNWIND_BY_CLIENT;
    placement->low_addr = plan->low_addr;
    placement->high_addr = plan->high_addr;
    placement->reach = reach_of(plan);
    placement->n_segments = plan->n_requests;
    placement->segments = plan->requests;
}

/* Names are compared as pointers: they are lent, and another pointer is a change whatever it points to. */
static bool is_unchanged(const oj_segment *request, const oj_segment *asked)
{
    return request->kind == asked->kind && request->lifetime == asked->lifetime && request->size == asked->size &&
           request->alignment == asked->alignment && request->object == asked->object &&
           request->section == asked->section;
}

/* Put back what place() was asked, whatever it did to it: names are lent on, and release() is told the truth. False
 * where it had changed anything. */
static bool restore_request(oj_plan *plan)
{
    oj_placement *placement = &plan->placement;
    bool unchanged = placement->n_segments == plan->n_requests && placement->segments == plan->requests;
    void *token = placement->token;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        oj_segment *request, asked;
        if (plan->segments[i].request == OJI_NONE)
            continue;
        request = &plan->requests[plan->segments[i].request];
        oji_link_describe_segment(plan, i, &asked);
        unchanged = unchanged && is_unchanged(request, &asked);
        asked.flags = request->flags;
        asked.write = request->write;
        asked.run_addr = request->run_addr;
        *request = asked;
    }
    describe(plan, placement);
    placement->token = token;
    return unchanged;
}

void oji_link_release(oj_plan *plan)
{
    plan->is_placed = false;
    if (plan->table.release)
        plan->table.release(plan->table.context, &plan->placement);
}

/* The answer is looked at only after the request has been put back, whatever place() returned. A failing place()
 * holds nothing; an answer that is refused is given back here. */
oj_status oji_link_place(oj_plan *plan, oj_error *error)
{
    bool unchanged;
    oj_status status;
    reset_requests(plan);
    describe(plan, &plan->placement);
    oji_clear_error(error);
    status = plan->table.place(plan->table.context, &plan->placement, error);
    unchanged = restore_request(plan);
    if (status != OJ_OK)
        return oji_fail_callback(error, status, "oj_memory.place");
    if (unchanged)
        status = check_answer(plan, error);
    else
        status = oji_fail(error, OJ_E_PLACEMENT, "oj_memory.place() changed what it was asked for");
    if (status != OJ_OK)
        oji_link_release(plan);
    return status;
}

/* Zero where the client says nothing of it. What contradicts the plan is another order than its own, or another plan's:
 * the buffers then are not of the sizes that are about to be written. */
static oj_status check_by_hand(const oj_segment *given, const oj_segment *request, uint32_t index, oj_error *error)
{
    if ((given->kind == 0 || given->kind == request->kind) && (given->size == 0 || given->size == request->size))
        return OJ_OK;
    return oji_fail(
        error, OJ_E_MISUSE,
        "segments[%u] is not segment %u of the plan: kind %u of %llu bytes, but the plan has kind %u of %llu", index,
        index, given->kind, (unsigned long long)given->size, request->kind, (unsigned long long)request->size);
}

/* Kind and size are the plan's own: of the client's segments only addresses and the promise of zeroed memory count. */
oj_status oji_link_place_by_hand(oj_plan *plan, const oj_segment *segments, size_t n_segments, oj_error *error)
{
    if (n_segments != plan->n_requests)
        return oji_fail(error, OJ_E_MISUSE, "%zu segments are given, the plan has %u", n_segments, plan->n_requests);
    reset_requests(plan);
    for (uint32_t i = 0; i < plan->n_requests; i++) {
        OJI_TRY(check_by_hand(&segments[i], &plan->requests[i], i, error));
        plan->requests[i].write = segments[i].write;
        plan->requests[i].run_addr = segments[i].run_addr;
        plan->requests[i].flags = segments[i].flags & (OJ_SEGMENT_ZEROED | OJ_SEGMENT_SHARED);
    }
    return check_answer(plan, error);
}
