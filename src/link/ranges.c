/* What a client may see of a plan: its segments, and the ranges they are made of. */
#include "link/link.h"

/* The index among SEGMENTS of the n-th segment that is not empty; SEGMENTS where there are fewer. */
static unsigned nth_segment(const oj_plan *plan, size_t n)
{
    unsigned segment = 0;
    for (; segment < SEGMENTS; segment++)
        if (plan->sizes[segment] > 0 && n-- == 0)
            break;
    return segment;
}

static uint32_t segment_number(const oj_plan *plan, unsigned segment)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < segment; i++)
        number += plan->sizes[i] > 0;
    return number;
}

size_t oj_plan_segment_count(const oj_plan *plan) { return plan ? segment_number(plan, SEGMENTS) : 0; }

oj_status oj_plan_segment(const oj_plan *plan, size_t index, oj_segment *segment, size_t out_size)
{
    oj_segment full;
    unsigned which;
    if (!segment)
        return OJ_E_MISUSE;
    memset(segment, 0, out_size);
    if (!plan || (which = nth_segment(plan, index)) == SEGMENTS)
        return OJ_E_MISUSE;
    memset(&full, 0, sizeof full);
    full.kind = which + 1;
    full.size = plan->sizes[which];
    full.alignment = plan->alignments[which];
    oji_export(segment, out_size, &full, sizeof full);
    return OJ_OK;
}

static void add_range(oj_plan *plan, unsigned segment, oj_range_kind kind, const char *object, const char *section,
                      uint64_t offset, uint64_t size)
{
    oj_range_info *range = &plan->ranges[plan->n_ranges++];
    range->object = object;
    range->section = section;
    range->offset = offset;
    range->size = size;
    range->kind = kind;
    range->segment = segment_number(plan, segment);
}

/* In the order in which layout laid them: zero-filled sections after all others. */
static void list_sections(oj_plan *plan, unsigned segment, bool zero)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = 0; i < member->object->n_sections; i++) {
            const oji_section *section = &member->object->sections[i];
            if (member->slots[i].segment == segment && (section->kind == OJ_SECTION_ZERO) == zero)
                add_range(plan, segment, OJ_RANGE_SECTION, member->object->name, section->name,
                          member->slots[i].offset, section->size);
        }
    }
}

static void list_segment(oj_plan *plan, unsigned segment)
{
    if (segment == SEGMENT_RODATA && plan->n_entries > 0)
        add_range(plan, segment, OJ_RANGE_GOT, "", "", 0, (uint64_t)plan->n_entries * plan->arch->got_entry_size);
    list_sections(plan, segment, false);
    list_sections(plan, segment, true);
    for (uint32_t i = 0; segment == SEGMENT_DATA && i < plan->n_names; i++)
        if (plan->names[i].definition == OJI_LINK_COMMON)
            add_range(plan, segment, OJ_RANGE_COMMON, "", plan->names[i].name, plan->names[i].addr,
                      plan->names[i].size);
    if (segment == SEGMENT_CODE && plan->n_stubs > 0)
        add_range(plan, segment, OJ_RANGE_STUBS, "", "", plan->stubs_off,
                  (uint64_t)plan->n_stubs * plan->arch->stub_size);
}

bool oji_link_list_ranges(oj_plan *plan)
{
    uint64_t capacity = (uint64_t)plan->n_names + 2;
    for (uint32_t i = 0; i < plan->n_members; i++)
        capacity += plan->members[i].object->n_sections;
    plan->ranges = oji_arena_array(&plan->arena, capacity, sizeof *plan->ranges);
    if (!plan->ranges)
        return false;
    for (unsigned segment = 0; segment < SEGMENTS; segment++)
        list_segment(plan, segment);
    return true;
}

size_t oj_plan_range_count(const oj_plan *plan) { return plan ? plan->n_ranges : 0; }

oj_status oj_plan_range(const oj_plan *plan, size_t index, oj_range_info *range, size_t out_size)
{
    if (!range)
        return OJ_E_MISUSE;
    memset(range, 0, out_size);
    if (!plan || index >= plan->n_ranges)
        return OJ_E_MISUSE;
    oji_export(range, out_size, &plan->ranges[index], sizeof plan->ranges[index]);
    return OJ_OK;
}
