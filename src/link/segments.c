/* Output segments: what goes into one, and what a provider is asked for it. */
#include "link/link.h"

/* The bound keeps offsets in 32 bits and every distance inside a segment in a signed field of 32. Alignments are
 * powers of two: readers have checked those of sections, the rest are the architecture's. */
bool oji_link_append(oj_plan *plan, uint32_t segment, uint64_t size, uint64_t alignment, uint32_t *offset)
{
    oji_link_segment *s = &plan->segments[segment];
    uint64_t start = (s->size + alignment - 1) & ~(alignment - 1), end = start + size;
    OJI_ASSERT(size < UINT64_MAX / 2 && alignment <= OJI_MAX_SECTION_SIZE);
    if (end >= OJI_MAX_SECTION_SIZE)
        return false;
    if (alignment > s->alignment)
        s->alignment = alignment;
    s->size = end;
    *offset = (uint32_t)start;
    return true;
}

/* The oj_segment_kind that a section goes into, 0 where it is not loaded (debug information, notes, symbol tables). */
uint32_t oji_link_kind_of(const oj_plan *plan, const oji_section *section)
{
    switch (section->kind) {
    case OJ_SECTION_CODE:
        return OJ_SEGMENT_CODE;
    case OJ_SECTION_UNWIND:
        if (plan->has_unwind_aside && !(section->flags & OJI_SECTION_INDEX))
            return 0;
        return plan->options.flags & OJ_LINK_NO_UNWIND ? 0 : OJ_SEGMENT_RODATA;
    case OJ_SECTION_RODATA:
        return OJ_SEGMENT_RODATA;
    case OJ_SECTION_DATA:
    case OJ_SECTION_ZERO:
        return OJ_SEGMENT_DATA;
    default:
        return 0;
    }
}

/* GNU ld's names for what is no object's: common symbols, and the stubs of indirect functions. */
static const char *own_name(const oji_link_segment *segment)
{
    return segment->kind == OJ_SEGMENT_CODE ? ".iplt" : "COMMON";
}

/* Makes the request anew each time: what a provider did to its copy is found by comparing with this. Names are lent
 * by the objects. */
void oji_link_describe_segment(const oj_plan *plan, uint32_t index, oj_segment *described)
{
    const oji_link_segment *segment = &plan->segments[index];
    memset(described, 0, sizeof *described);
    described->kind = segment->kind;
    described->size = segment->size;
    described->alignment = segment->alignment;
    if (oji_link_places_singly(&plan->options)) {
        const oj_object *object = segment->member == OJI_NONE ? NULL : plan->members[segment->member].object;
        described->object = object ? object->name : "";
        described->section = object ? object->sections[segment->section].name : own_name(segment);
    }
}
