/* The stack maps of a link: sections that are placed like other read-only data, and that a code remembers. */
#include "link/link.h"

/* Sections of an object that has none are not looked at one by one. */
static uint32_t n_sections_of(const oj_plan *plan, uint32_t member)
{
    const oj_object *object = plan->members[member].object;
    return object->has_stackmaps ? object->n_sections : 0;
}

static bool has_stackmaps(const oj_plan *plan, uint32_t member, uint32_t index)
{
    const oji_section *section = &plan->members[member].object->sections[index];
    return (section->flags & OJI_SECTION_STACKMAPS) && section->size > 0 &&
           plan->members[member].slots[index].segment != OJI_NONE;
}

uint64_t oji_link_count_stackmaps(const oj_plan *plan)
{
    uint64_t n = 0;
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; i < n_sections_of(plan, m); i++)
            n += has_stackmaps(plan, m, i);
    return n;
}

/* A section of some size is in a segment that was asked for, and so has an address. */
void oji_link_list_stackmaps(const oj_plan *plan, oj_code *code)
{
    oj_stackmap_range *range = oji_code_stackmaps(code);
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; i < n_sections_of(plan, m); i++) {
            const oji_link_slot *slot = &plan->members[m].slots[i];
            if (!has_stackmaps(plan, m, i))
                continue;
            range->run_addr = plan->requests[plan->segments[slot->segment].request].run_addr + slot->offset;
            range->size = plan->members[m].object->sections[i].size;
            range++;
        }
}
