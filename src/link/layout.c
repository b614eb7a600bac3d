/* Where everything lies inside its segment: after this all sizes are final. */
#include "link/link.h"

/* The caller has made room. Alignment 1 is the least that segments have; sections raise it. */
static uint32_t add_segment(oj_plan *plan, uint32_t kind)
{
    plan->segments[plan->n_segments] = (oji_link_segment){.kind = kind, .alignment = 1};
    return plan->n_segments++;
}

/* No stub crosses a cache line or a page: stubs are aligned to their size, a power of two. */
static bool lay_stubs(oj_plan *plan, oji_link_island *island)
{
    const uint32_t stub_size = oji_link_stub_size(plan, island), word_size = plan->arch->got_entry_size;
    if (island->n_stubs == 0)
        return true;
    if (!oji_link_append(plan, island->stubs_segment, (uint64_t)island->n_stubs * stub_size, stub_size,
                         &island->stubs_off))
        return false;
    return !oji_link_is_far(plan, island) ||
           oji_link_append(plan, island->stubs_segment, (uint64_t)island->n_stubs * word_size, word_size,
                           &plan->far_off);
}

/* Entries are aligned to their size, so that each is read and written whole. */
static bool lay_got(oj_plan *plan, oji_link_island *island)
{
    uint64_t n_entries = (uint64_t)island->n_entries + island->n_tls_entries;
    return n_entries == 0 || oji_link_append(plan, island->got_segment, n_entries * plan->arch->got_entry_size,
                                             plan->arch->got_entry_size, &island->got_off);
}

/* Needs all definitions. From here on the address of a common name is an offset, until it is asked for as a whole.
 * Common symbols have no bytes, so they stand behind everything that has. */
static bool lay_commons(oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        uint32_t offset;
        if (name->definition != OJI_LINK_COMMON || name->is_tls)
            continue;
        if (!oji_link_append(plan, plan->common_segment, name->size, name->alignment, &offset))
            return false;
        name->addr = offset;
    }
    return true;
}

/* Unwind tables end with a length of 0 (LSB core 5.0, 10.6.1), which objects leave to the linker. The gaps of segments
 * are zero. */
static uint64_t room_of(const oji_section *section)
{
    return section->kind == OJ_SECTION_UNWIND && section->size > 0 && !(section->flags & OJI_SECTION_INDEX)
               ? section->size + 4
               : section->size;
}

static bool lay_runs(oj_plan *plan, uint32_t segment)
{
    for (uint32_t i = 0; i < plan->n_runs; i++)
        if (plan->runs[i].segment == segment && !oji_link_lay_run(plan, i))
            return false;
    return true;
}

/* --- merged: one segment for each kind ---------------------------------------------------------------------------- */

/* Give a section its place at the end of its segment, or mark it as not loaded. kind - 1 is the segment: ORDER
 * OJI_SEGMENT. */
static bool lay_section(oj_plan *plan, const oji_section *section, oji_link_slot *slot)
{
    uint32_t kind = oji_link_kind_of(plan, section), offset;
    slot->segment = OJI_NONE;
    if (kind == 0) {
        slot->offset = section->kind == OJ_SECTION_UNWIND && plan->has_unwind_aside ? OJI_ASIDE : 0;
        return true;
    }
    if (!oji_link_append(plan, kind - 1, room_of(section), section->alignment, &offset))
        return false;
    slot->segment = kind - 1;
    slot->offset = offset & INT32_MAX;
    plan->stats.n_sections++;
    return true;
}

/* The sections in front of all that are loaded, and behind them. */
static void mark_unloaded(const oji_link_member *member)
{
    const oj_object *object = member->object;
    for (uint32_t i = 0; i < object->first_loaded; i++)
        member->slots[i] = (oji_link_slot){.segment = OJI_NONE};
    for (uint32_t i = object->loaded_end; i < object->n_sections; i++)
        member->slots[i] = (oji_link_slot){.segment = OJI_NONE};
}

/* All but the zero-filled ones, which *has_zero tells of. Fills slots in the order of members and sections, on which
 * write.c and ranges.c rely. */
static bool lay_sections(oj_plan *plan, bool *has_zero)
{
    uint32_t stretch = 0;
    *has_zero = false;
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        mark_unloaded(member);
        for (uint32_t i = member->object->first_loaded; i < member->object->loaded_end; i++) {
            const oji_section *section = &member->object->sections[i];
            oji_link_slot *slot = &member->slots[i];
            if (section->kind == OJ_SECTION_ZERO)
                *has_zero = true;
            if (section->kind == OJ_SECTION_ZERO || oji_section_is_tls(section) || slot->segment == OJI_NONE ||
                slot->is_in_run)
                continue;
            if (!lay_section(plan, section, slot))
                return false;
            if (OJI_UNLIKELY(oji_link_ends_stretch(plan, stretch, m, i)) &&
                !lay_stubs(plan, &plan->stretches[stretch++].island))
                return false;
        }
    }
    return true;
}

/* The zero-filled ones, in the same order. */
static bool lay_zero_sections(oj_plan *plan)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = member->object->first_loaded; i < member->object->loaded_end; i++) {
            const oji_section *section = &member->object->sections[i];
            if (section->kind == OJ_SECTION_ZERO && member->slots[i].segment != OJI_NONE &&
                !member->slots[i].is_in_run && !lay_section(plan, section, &member->slots[i]))
                return false;
        }
    }
    return true;
}

/* The GOT goes first, the stubs go last, so that neither moves when sections grow. In data, sections that have bytes
 * come before bytes_end, so that the zero-filled rest is one range, which fresh memory needs no writing for. */
static bool lay_out_merged(oj_plan *plan)
{
    bool has_zero;
    plan->n_segments = 0;
    plan->stats.n_sections = 0;
    for (uint32_t i = 0; i < SEGMENTS; i++)
        add_segment(plan, i + 1);
    plan->common_segment = SEGMENT_DATA;
    if (!lay_got(plan, &plan->islands[0]) || !lay_sections(plan, &has_zero))
        return false;
    for (uint32_t i = 0; i < SEGMENTS; i++)
        if (!lay_runs(plan, i))
            return false;
    if (plan->ifuncs && !lay_got(plan, plan->ifuncs))
        return false;
    if (plan->n_stretches > 0 && !lay_stubs(plan, &plan->stretches[plan->n_stretches - 1].island))
        return false;
    for (uint32_t i = 0; i < plan->n_stretches; i++)
        if (!lay_got(plan, &plan->stretches[i].island))
            return false;
    plan->segments[SEGMENT_CODE].bytes_end = plan->segments[SEGMENT_CODE].size;
    plan->segments[SEGMENT_RODATA].bytes_end = plan->segments[SEGMENT_RODATA].size;
    plan->segments[SEGMENT_DATA].bytes_end = plan->segments[SEGMENT_DATA].size;
    return (!has_zero || lay_zero_sections(plan)) && lay_commons(plan) && lay_stubs(plan, &plan->islands[0]) &&
           (!plan->ifuncs || lay_stubs(plan, plan->ifuncs));
}

/* --- singly: a segment for each section --------------------------------------------------------------------------- */

/* A section that is empty gets a segment all the same, so that its symbols have a place; it is not asked for. */
static bool lay_section_singly(oj_plan *plan, uint32_t m, uint32_t i)
{
    oji_link_slot *slot = &plan->members[m].slots[i];
    const oji_section *section = &plan->members[m].object->sections[i];
    uint32_t kind = slot->segment == OJI_NONE ? 0 : oji_link_kind_of(plan, section);
    uint32_t offset;
    if (slot->is_in_run || oji_section_is_tls(section))
        return true;
    slot->segment = OJI_NONE;
    if (kind == 0)
        return true;
    slot->segment = add_segment(plan, kind);
    plan->segments[slot->segment].member = m;
    plan->segments[slot->segment].section = i;
    plan->stats.n_sections++;
    if (!oji_link_append(plan, slot->segment, room_of(section), section->alignment, &offset))
        return false;
    slot->offset = offset & INT32_MAX;
    plan->segments[slot->segment].bytes_end = section->kind == OJ_SECTION_ZERO ? 0 : section->size;
    return true;
}

/* Behind the section's own bytes, in its own segment: an island is then as near to what uses it as can be, wherever
 * the client puts it. Only sections that have a segment have islands. */
static bool lay_islands_singly(oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_islands; i++) {
        oji_link_island *island = &plan->islands[i];
        uint32_t segment = plan->members[island->member].slots[island->section].segment;
        OJI_ASSERT(segment != OJI_NONE);
        island->stubs_segment = island->got_segment = segment;
        if (!lay_stubs(plan, island) || !lay_got(plan, island))
            return false;
    }
    return true;
}

enum { OWN_SEGMENTS = 2 };

static uint32_t add_own_segment(oj_plan *plan, uint32_t kind)
{
    uint32_t index = add_segment(plan, kind);
    plan->segments[index].member = OJI_NONE;
    return index;
}

/* Their stubs have a segment of their own already. */
static bool lay_ifuncs_singly(oj_plan *plan)
{
    if (!plan->ifuncs)
        return true;
    plan->ifuncs->got_segment = plan->common_segment;
    return lay_stubs(plan, plan->ifuncs) && lay_got(plan, plan->ifuncs);
}

/* The linker's own segments have no member: that of indirect functions' stubs, and the last, of runs, these functions'
 * entries and common symbols. */
static bool lay_out_singly(oj_plan *plan)
{
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; i < plan->members[m].object->n_sections; i++)
            if (!lay_section_singly(plan, m, i))
                return false;
    if (plan->ifuncs)
        plan->ifuncs->stubs_segment = add_own_segment(plan, OJ_SEGMENT_CODE);
    plan->common_segment = add_own_segment(plan, OJ_SEGMENT_DATA);
    for (uint32_t i = 0; i < plan->n_runs; i++)
        plan->runs[i].segment = plan->common_segment;
    if (!lay_runs(plan, plan->common_segment) || !lay_ifuncs_singly(plan))
        return false;
    plan->segments[plan->common_segment].bytes_end = plan->segments[plan->common_segment].size;
    return lay_commons(plan) && lay_islands_singly(plan);
}

/* --- both --------------------------------------------------------------------------------------------------------- */

/* Code ends on a word that oj_code_patch() can store as a whole without touching what lies behind. */
static bool round_code(oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        uint32_t end;
        if (plan->segments[i].kind == OJ_SEGMENT_CODE && plan->segments[i].size > 0 &&
            !oji_link_append(plan, i, 0, plan->arch->patch_word, &end))
            return false;
    }
    return true;
}

/* Behind all else. */
static bool lay_spare(oj_plan *plan)
{
    uint64_t size = oji_link_debug_spare(plan);
    uint32_t start;
    plan->spare_size = (uint32_t)size;
    return size == 0 || oji_link_append(plan, SEGMENT_CODE, size, plan->arch->patch_word, &start);
}

/* Needs islands; fills segments, slots and all offsets. Merged segments must reach each other whatever their order,
 * so that their sum is bounded by the architecture's reach; alignment between them is the placement's affair, which
 * is checked against the same bound. */
static oj_status lay_out(oj_plan *plan, oj_error *error)
{
    bool singly = oji_link_places_singly(&plan->options), fits;
    uint64_t capacity = singly ? OWN_SEGMENTS : SEGMENTS;
    for (uint32_t m = 0; singly && m < plan->n_members; m++)
        capacity += plan->members[m].object->n_sections;
    plan->has_unwind_aside = oji_link_puts_unwind_aside(plan);
    plan->segments = oji_arena_raw(&plan->arena, capacity, sizeof *plan->segments);
    plan->requests = oji_arena_raw(&plan->arena, capacity, sizeof *plan->requests);
    if (!plan->segments || !plan->requests || capacity >= OJI_NONE)
        return oji_fail_nomem(error, capacity * sizeof *plan->segments, "segments");
    fits = (singly ? lay_out_singly(plan) : lay_out_merged(plan));
    if (OJI_UNLIKELY(fits && oji_link_needs_veneers(plan))) {
        OJI_TRY(oji_link_plan_veneers(plan, error));
        fits = lay_out_merged(plan);
        oji_link_number_stubs(plan);
    }
    fits = fits && round_code(plan) && lay_spare(plan);
    for (uint32_t i = 0; i < plan->n_segments; i++)
        plan->total_size += plan->segments[i].size;
    if (!fits || (!singly && plan->total_size > plan->arch->reach))
        return oji_fail(error, OJ_E_LIMIT, "the linked code and data would exceed %llu bytes",
                        (unsigned long long)plan->arch->reach);
    return OJ_OK;
}

/* Keeps the order of segments. Empty ones are left out, so that providers need no case for size 0. */
static void list_requests(oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        plan->segments[i].request = OJI_NONE;
        if (plan->segments[i].size == 0)
            continue;
        oji_link_describe_segment(plan, i, &plan->requests[plan->n_requests]);
        plan->segments[i].request = plan->n_requests++;
    }
}

/* A relocation that is applied may not refer to what is not in memory. Its address would be 0, and the store would
 * succeed: the error has to be found before. */
static oj_status check_references(const oj_plan *plan, oj_error *error)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t i = 0; i < object->n_symbols; i++) {
            const oji_symbol *symbol = &plan->members[m].symbols[i];
            if (!(symbol->uses & OJI_USE_REFERENCED) || !oji_link_is_inside(symbol) ||
                plan->members[m].slots[symbol->section].segment != OJI_NONE)
                continue;
            if (oji_link_kind_of(plan, &object->sections[symbol->section]) != 0)
                return oji_link_report_left_out(plan, m, i, error);
            const oji_place place = {.object = object->name,
                                     .section = object->sections[symbol->section].name,
                                     .symbol = symbol->name,
                                     .offset = UINT64_MAX};
            return oji_fail_at(error, OJ_E_UNSUPPORTED, &place,
                               "%s: loaded code refers to '%s' in section %s, which is not loaded", object->name,
                               symbol->name, place.section);
        }
    }
    return OJ_OK;
}

/* Needs everything but addresses. Only where statistics are wanted: it walks all members. */
static void count(oj_plan *plan)
{
    oj_link_stats *stats = &plan->stats;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const oji_link_segment *segment = &plan->segments[i];
        if (segment->kind == OJ_SEGMENT_CODE)
            stats->code_size += segment->size;
        else if (segment->kind == OJ_SEGMENT_RODATA)
            stats->rodata_size += segment->size;
        else
            stats->data_size += segment->size;
        if (segment->kind == OJ_SEGMENT_DATA)
            stats->zero_size += segment->size - segment->bytes_end;
    }
    stats->n_objects = plan->n_members - plan->n_runtime;
    stats->n_symbols = plan->n_kept;
    stats->n_got_entries = plan->n_entries;
    for (uint32_t i = 0; i < plan->n_islands; i++)
        stats->n_got_entries += plan->islands[i].n_tls_entries;
    stats->n_stubs = (uint64_t)plan->n_stubs + plan->n_veneers;
    stats->n_veneers = plan->n_veneers;
    for (uint32_t m = 0; m < plan->n_members; m++)
        stats->n_relocations += plan->members[m].object->n_loaded_relocs;
}

/* Islands first, because their size is part of segments'; the window after them, because it must hold the whole;
 * kept symbols last, because local ones are kept only in sections that are loaded. */
oj_status oji_link_layout(oj_plan *plan, oj_error *error)
{
    uint64_t start = plan->options.stats ? oji_now() : 0;
    OJI_TRY(oji_link_tls_layout(plan, error));
    OJI_TRY(oji_link_plan_islands(plan, error));
    OJI_TRY(lay_out(plan, error));
    list_requests(plan);
    OJI_TRY(check_references(plan, error));
    OJI_TRY(oji_link_find_window(plan, error));
    OJI_TRY(oji_link_choose_kept(plan, error));
    if (plan->options.stats) {
        count(plan);
        plan->stats.layout_ns = oji_now() - start;
    }
    return OJ_OK;
}
