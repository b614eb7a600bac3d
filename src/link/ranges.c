/* What a client may see of a plan: its segments, and the ranges they are made of. */
#include "link/link.h"

size_t oj_plan_segment_count(const oj_plan *plan) { return plan ? plan->n_requests : 0; }

/* Requests of a plan that was linked have the last link's addresses, which are not the plan's to show: only what a
 * provider will be asked is. */
oj_status oj_plan_segment(const oj_plan *plan, size_t index, oj_segment *segment, size_t out_size)
{
    oj_segment full;
    if (!segment)
        return OJ_E_MISUSE;
    memset(segment, 0, out_size);
    if (!plan || index >= plan->n_requests)
        return OJ_E_MISUSE;
    full = plan->requests[index];
    full.flags = 0;
    full.write = NULL;
    full.run_addr = 0;
    oji_export(segment, out_size, &full, sizeof full);
    return OJ_OK;
}

/* The caller of all has made room; names are lent for the plan's life. */
static void add_range(oj_plan *plan, uint32_t segment, oj_range_kind kind, const char *object, const char *section,
                      uint64_t offset, uint64_t size)
{
    oj_range_info *range = &plan->ranges[plan->n_ranges++];
    range->object = object;
    range->section = section;
    range->offset = offset;
    range->size = size;
    range->kind = kind;
    range->segment = plan->segments[segment].request;
}

/* Nothing is listed for what is not asked for: it would have no segment to name. */
static void add_section(oj_plan *plan, uint32_t member, uint32_t section)
{
    const oji_link_slot *slot = &plan->members[member].slots[section];
    const oj_object *object = plan->members[member].object;
    if (plan->segments[slot->segment].request != OJI_NONE)
        add_range(plan, slot->segment, OJ_RANGE_SECTION, object->name, object->sections[section].name, slot->offset,
                  object->sections[section].size);
}

/* One range for all stubs of an island, and one for its entries: which symbol each serves is not told. */
static void add_stubs(oj_plan *plan, const oji_link_island *island)
{
    if (island->n_stubs > 0)
        add_range(plan, island->stubs_segment, OJ_RANGE_STUBS, "", "", island->stubs_off,
                  (uint64_t)island->n_stubs * oji_link_stub_size(plan, island));
    if (island->n_stubs > 0 && oji_link_is_far(plan, island))
        add_range(plan, island->stubs_segment, OJ_RANGE_GOT, "", "", plan->far_off,
                  (uint64_t)island->n_stubs * plan->arch->got_entry_size);
}

static void add_got(oj_plan *plan, const oji_link_island *island)
{
    if (island->n_entries > 0 || island->n_tls_entries > 0)
        add_range(plan, island->got_segment, OJ_RANGE_GOT, "", "", island->got_off,
                  ((uint64_t)island->n_entries + island->n_tls_entries) * plan->arch->got_entry_size);
}

/* Merged segments, in the order in which layout laid them: zero-filled sections after all others. */
static void list_sections(oj_plan *plan, uint32_t segment, bool zero)
{
    uint32_t stretch = 0;
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; i < plan->members[m].object->n_sections; i++) {
            if (plan->members[m].slots[i].segment != segment || plan->members[m].slots[i].is_in_run ||
                (plan->members[m].object->sections[i].kind == OJ_SECTION_ZERO) != zero)
                continue;
            add_section(plan, m, i);
            if (segment == SEGMENT_CODE && oji_link_ends_stretch(plan, stretch, m, i))
                add_stubs(plan, &plan->stretches[stretch++].island);
        }
}

static void list_runs(oj_plan *plan, uint32_t segment)
{
    for (uint32_t i = 0; i < plan->n_run_sections; i++) {
        oji_link_ref ref = plan->run_sections[i];
        if (plan->members[ref.member].slots[ref.symbol].segment == segment)
            add_section(plan, ref.member, ref.symbol);
    }
}

/* Commons belong to no object: the largest of several has won. */
static void list_commons(oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (plan->names[i].definition == OJI_LINK_COMMON && !plan->names[i].is_tls)
            add_range(plan, plan->common_segment, OJ_RANGE_COMMON, "", plan->names[i].name, plan->names[i].addr,
                      plan->names[i].size);
}

/* Offsets ascend within each segment: stubs end the code, and the GOT begins the read-only data. */
static void list_merged(oj_plan *plan)
{
    list_sections(plan, SEGMENT_CODE, false);
    list_runs(plan, SEGMENT_CODE);
    if (plan->n_stretches > 0)
        add_stubs(plan, &plan->stretches[plan->n_stretches - 1].island);
    add_stubs(plan, &plan->islands[0]);
    if (plan->ifuncs)
        add_stubs(plan, plan->ifuncs);
    add_got(plan, &plan->islands[0]);
    list_sections(plan, SEGMENT_RODATA, false);
    list_runs(plan, SEGMENT_RODATA);
    for (uint32_t i = 0; i < plan->n_stretches; i++)
        add_got(plan, &plan->stretches[i].island);
    list_sections(plan, SEGMENT_DATA, false);
    list_runs(plan, SEGMENT_DATA);
    if (plan->ifuncs)
        add_got(plan, plan->ifuncs);
    list_sections(plan, SEGMENT_DATA, true);
    list_commons(plan);
}

/* Islands of sections in runs lie in the linker's own segment, behind everything else. */
static bool is_in_run(const oj_plan *plan, const oji_link_island *island)
{
    return plan->members[island->member].slots[island->section].is_in_run;
}

/* Segments are in the order of sections, and so are islands. */
static void list_singly(oj_plan *plan)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const oji_link_segment *segment = &plan->segments[i];
        const oji_link_island *island;
        if (segment->member == OJI_NONE)
            continue;
        add_section(plan, segment->member, segment->section);
        while (next < plan->n_islands && is_in_run(plan, &plan->islands[next]))
            next++;
        island = next < plan->n_islands ? &plan->islands[next] : NULL;
        if (!island || island->member != segment->member || island->section != segment->section)
            continue;
        add_stubs(plan, island);
        add_got(plan, island);
        next++;
    }
    if (plan->ifuncs)
        add_stubs(plan, plan->ifuncs);
    list_runs(plan, plan->common_segment);
    if (plan->ifuncs)
        add_got(plan, plan->ifuncs);
    list_commons(plan);
    for (uint32_t i = 0; i < plan->n_islands; i++)
        if (is_in_run(plan, &plan->islands[i]))
            add_got(plan, &plan->islands[i]);
}

/* Room for the most there can be: every section, every common symbol, two ranges of each island, three of that of
 * indirect functions. Listed once, when the plan is made, so that asking for a range is a lookup. */
bool oji_link_list_ranges(oj_plan *plan)
{
    uint64_t capacity = (uint64_t)plan->n_names + 2 * ((uint64_t)plan->n_islands + plan->n_stretches) + 3;
    for (uint32_t i = 0; i < plan->n_members; i++)
        capacity += plan->members[i].object->n_sections;
    plan->ranges = oji_arena_array(&plan->arena, capacity, sizeof *plan->ranges);
    if (!plan->ranges)
        return false;
    if (oji_link_places_singly(&plan->options))
        list_singly(plan);
    else
        list_merged(plan);
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
