/* Ask the memory provider for all segments at once, or take the addresses the client chose. Either answer is input like
 * any other and is checked before a byte is written. */
#include "link/link.h"

#include <stdio.h>
#include <stdlib.h>

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

static oj_status bad_answer(oj_error *error, const oj_segment *segment, const char *what)
{
    const oji_place place = {.object = segment->object, .section = segment->section, .offset = UINT64_MAX};
    return oji_fail_at(error, OJ_E_PLACEMENT, &place,
                       "the placement gives %s to the %s segment%s%s of %llu bytes, alignment %llu: write %p, run "
                       "0x%llx",
                       what, kind_name(segment), segment->section ? " " : "",
                       segment->section ? segment->section : "", (unsigned long long)segment->size,
                       (unsigned long long)segment->alignment, segment->write, (unsigned long long)segment->run_addr);
}

static oj_status check_segment(const oj_plan *plan, const oj_segment *segment, oj_error *error)
{
    uint64_t write = (uint64_t)(uintptr_t)segment->write, end;
    char window[96];
    if (!segment->write)
        return bad_answer(error, segment, "no write address");
    if ((write | segment->run_addr) & (segment->alignment - 1))
        return bad_answer(error, segment, "a misaligned address");
    if (!oji_add(write, segment->size, &end) || !oji_add(segment->run_addr, segment->size, &end))
        return bad_answer(error, segment, "an address at the end of the address space");
    if (segment->run_addr >= plan->low_addr && (plan->high_addr == 0 || end <= plan->high_addr))
        return OJ_OK;
    snprintf(window, sizeof window, "an address outside the window 0x%llx to 0x%llx",
             (unsigned long long)plan->low_addr, (unsigned long long)plan->high_addr);
    return bad_answer(error, segment, window);
}

/* --- overlap: sorted by address, neighbours are all there is to compare ----------------------------------------------- */

static uint64_t write_start(const oj_segment *segment) { return (uint64_t)(uintptr_t)segment->write; }
static uint64_t run_start(const oj_segment *segment) { return segment->run_addr; }

static int compare_write(const void *a, const void *b)
{
    uint64_t x = write_start(*(const oj_segment *const *)a), y = write_start(*(const oj_segment *const *)b);
    return x < y ? -1 : x > y;
}

static int compare_run(const void *a, const void *b)
{
    uint64_t x = run_start(*(const oj_segment *const *)a), y = run_start(*(const oj_segment *const *)b);
    return x < y ? -1 : x > y;
}

static oj_status check_overlap(const oj_plan *plan, const oj_segment **sorted, uint64_t (*start)(const oj_segment *),
                               int (*compare)(const void *, const void *), oj_error *error)
{
    for (uint32_t i = 0; i < plan->n_requests; i++)
        sorted[i] = &plan->requests[i];
    /* glibc's qsort may take heap for large arrays, but not for the three segments of a merged link. */
    qsort(sorted, plan->n_requests, sizeof *sorted, compare);
    for (uint32_t i = 1; i < plan->n_requests; i++)
        if (start(sorted[i]) - start(sorted[i - 1]) < sorted[i - 1]->size)
            return bad_answer(error, sorted[i], "memory that another segment has, too,");
    return OJ_OK;
}

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

static uint64_t reach_of(const oj_plan *plan)
{
    return oji_link_places_singly(&plan->options) ? 0 : plan->arch->reach;
}

static oj_status check_answer(const oj_plan *plan, oj_error *error)
{
    const oj_segment *few[SEGMENTS], **sorted = few;
    oj_status status;
    if (plan->n_requests == 0)
        return OJ_OK;
    for (uint32_t i = 0; i < plan->n_requests; i++)
        OJI_TRY(check_segment(plan, &plan->requests[i], error));
    if (plan->n_requests > SEGMENTS)
        sorted = oji_allocate(&plan->allocator, plan->n_requests * sizeof *sorted);
    if (!sorted)
        return oji_fail_nomem(error, plan->n_requests * sizeof *sorted, "a placement's check");
    status = check_overlap(plan, sorted, write_start, compare_write, error);
    if (status == OJ_OK)
        status = check_overlap(plan, sorted, run_start, compare_run, error);
    if (status == OJ_OK)
        status = check_span(plan, reach_of(plan), sorted, error);
    if (sorted != few)
        oji_release(&plan->allocator, sorted, plan->n_requests * sizeof *sorted);
    return status;
}

/* --- the provider ----------------------------------------------------------------------------------------------------- */

static void reset_requests(oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_requests; i++) {
        plan->requests[i].flags = 0;
        plan->requests[i].write = NULL;
        plan->requests[i].run_addr = 0;
    }
}

static void describe(const oj_plan *plan, oj_placement *placement)
{
    memset(placement, 0, sizeof *placement);
    placement->struct_size = (uint32_t)sizeof *placement;
    if (plan->options.flags & OJ_LINK_WHOLE_PAGES)
        placement->flags |= OJ_PLACEMENT_WHOLE_PAGES;
    if (plan->options.flags & OJ_LINK_PRIVATE_MEMORY)
        placement->flags |= OJ_PLACEMENT_PRIVATE;
    if (oji_link_places_singly(&plan->options))
        placement->flags |= OJ_PLACEMENT_SECTIONS;
    placement->low_addr = plan->low_addr;
    placement->high_addr = plan->high_addr;
    placement->reach = reach_of(plan);
    placement->n_segments = plan->n_requests;
    placement->segments = plan->requests;
}

/* What place() was asked is not its to change. */
static oj_status check_request(const oj_plan *plan, const oj_placement *placement, oj_error *error)
{
    if (placement->n_segments != plan->n_requests || placement->segments != plan->requests)
        return oji_fail(error, OJ_E_PLACEMENT, "oj_memory.place() changed the number of segments");
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const oji_link_segment *segment = &plan->segments[i];
        const oj_segment *request = segment->request == OJI_NONE ? NULL : &plan->requests[segment->request];
        if (request && (request->size != segment->size || request->alignment != segment->alignment ||
                        request->kind != segment->kind))
            return oji_fail(error, OJ_E_PLACEMENT, "oj_memory.place() changed the request for segment %u",
                            segment->request);
    }
    return OJ_OK;
}

/* Put back what place() was asked, whatever it did to it: release() is told the truth. */
static void restore_request(oj_plan *plan, oj_placement *placement)
{
    void *token = placement->token;
    for (uint32_t i = 0; i < plan->n_segments; i++)
        if (plan->segments[i].request != OJI_NONE) {
            oj_segment *request = &plan->requests[plan->segments[i].request];
            request->kind = plan->segments[i].kind;
            request->size = plan->segments[i].size;
            request->alignment = plan->segments[i].alignment;
        }
    describe(plan, placement);
    placement->token = token;
}

void oji_link_release(const oj_plan *plan, const oj_placement *placement)
{
    if (plan->table.release)
        plan->table.release(plan->table.context, placement);
}

oj_status oji_link_place(oj_plan *plan, oj_placement *placement, oj_error *error)
{
    oj_status status;
    reset_requests(plan);
    describe(plan, placement);
    oji_clear_error(error);
    status = plan->table.place(plan->table.context, placement, error);
    if (status != OJ_OK)
        return oji_fail_callback(error, status, "oj_memory.place");
    status = check_request(plan, placement, error);
    restore_request(plan, placement);
    if (status == OJ_OK)
        status = check_answer(plan, error);
    if (status != OJ_OK)
        oji_link_release(plan, placement);
    return status;
}

oj_status oji_link_place_by_hand(oj_plan *plan, const oj_segment *segments, size_t n_segments, oj_error *error)
{
    if (n_segments != plan->n_requests)
        return oji_fail(error, OJ_E_MISUSE, "%zu segments are given, the plan has %u", n_segments, plan->n_requests);
    reset_requests(plan);
    for (uint32_t i = 0; i < plan->n_requests; i++) {
        plan->requests[i].write = segments[i].write;
        plan->requests[i].run_addr = segments[i].run_addr;
        plan->requests[i].flags = segments[i].flags & OJ_SEGMENT_ZEROED;
    }
    return check_answer(plan, error);
}
