/* Everything about a link's memory that can be known before asking for it: GOT entries, stubs, offsets, the window of
 * addresses in which all references reach. */
#include "link/link.h"

#ifdef OJ_STRESS
enum { ENTRIES_FOR_ALL = 1 };
#else
enum { ENTRIES_FOR_ALL = 0 };
#endif

/* Addends and distances inside a segment are kept out of the window's edges by this, bytes. */
#define WINDOW_SLACK (UINT64_C(1) << 24)

/* --- GOT entries and stubs ------------------------------------------------------------------------------------------ */

static bool needs_stub(uint16_t uses, bool is_inside) { return (uses & OJI_USE_CALL) && (!is_inside || ENTRIES_FOR_ALL); }

static bool needs_entry(uint16_t uses, bool is_inside)
{
    return (uses & OJI_USE_GOT) || ((uses & OJI_USE_GOT_RELAX) && (!is_inside || ENTRIES_FOR_ALL)) ||
           needs_stub(uses, is_inside);
}

static uint32_t add_entry(oj_plan *plan, uint32_t member, uint32_t symbol)
{
    plan->entries[plan->n_entries] = (oji_link_ref){.member = member, .symbol = symbol};
    return ++plan->n_entries;
}

static uint64_t count_entries(const oj_plan *plan)
{
    uint64_t n = plan->n_names;
    for (uint32_t m = 0; m < plan->n_members; m++)
        if (ENTRIES_FOR_ALL || (plan->members[m].object->uses & (OJI_USE_GOT | OJI_USE_GOT_RELAX)))
            n += plan->members[m].object->first_global;
    return n;
}

/* One pass over names and local symbols: those with stubs, or those without. */
static void assign_entries(oj_plan *plan, bool with_stub)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        bool is_inside = oji_link_name_is_inside(plan, name);
        if (!needs_entry(name->uses, is_inside) || needs_stub(name->uses, is_inside) != with_stub)
            continue;
        name->has_stub = with_stub;
        name->entry = add_entry(plan, name->member, name->symbol);
    }
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        if (!ENTRIES_FOR_ALL && !(object->uses & (OJI_USE_GOT | OJI_USE_GOT_RELAX | OJI_USE_CALL)))
            continue;
        for (uint32_t i = 0; i < object->first_global; i++) {
            const oji_symbol *symbol = &object->symbols[i];
            bool is_inside = oji_link_is_inside(symbol);
            if (!needs_entry(symbol->uses, is_inside) || needs_stub(symbol->uses, is_inside) != with_stub)
                continue;
            plan->members[m].targets[i].has_stub = with_stub;
            plan->members[m].targets[i].entry = add_entry(plan, m, i);
        }
    }
}

static oj_status plan_entries(oj_plan *plan, oj_error *error)
{
    uint64_t capacity = count_entries(plan);
    plan->entries = oji_arena_array(&plan->arena, capacity, sizeof *plan->entries);
    if (!plan->entries)
        return oji_fail_nomem(error, capacity * sizeof *plan->entries, "GOT entries");
    assign_entries(plan, true);
    plan->n_stubs = plan->n_entries;
    assign_entries(plan, false);
    for (uint32_t m = 0; m < plan->n_members; m++) {
        oji_link_member *member = &plan->members[m];
        for (uint32_t i = member->object->first_global; i < member->object->n_symbols; i++) {
            const oji_link_name *name = oji_link_name_of(plan, member, i);
            member->targets[i].entry = name ? name->entry : 0;
            member->targets[i].has_stub = name ? name->has_stub : 0;
        }
    }
    return OJ_OK;
}

/* --- offsets -------------------------------------------------------------------------------------------------------- */

/* Append `size` bytes to a segment; false on overflow. */
static bool append(oj_plan *plan, unsigned segment, uint64_t size, uint64_t alignment, uint64_t *offset)
{
    uint64_t start;
    if (!oji_align_up(plan->sizes[segment], alignment, &start) || !oji_add(start, size, &plan->sizes[segment]))
        return false;
    if (alignment > plan->alignments[segment])
        plan->alignments[segment] = alignment;
    *offset = start;
    return plan->sizes[segment] < OJI_MAX_SECTION_SIZE;
}

static unsigned segment_of(const oj_plan *plan, const oji_section *section)
{
    switch (section->kind) {
    case OJ_SECTION_CODE:
        return SEGMENT_CODE;
    case OJ_SECTION_UNWIND:
        return plan->options.flags & OJ_LINK_NO_UNWIND ? OJI_NO_SEGMENT : SEGMENT_RODATA;
    case OJ_SECTION_RODATA:
        return SEGMENT_RODATA;
    case OJ_SECTION_DATA:
    case OJ_SECTION_ZERO:
        return SEGMENT_DATA;
    default:
        return OJI_NO_SEGMENT;
    }
}

/* Lay out the sections that are zero-filled, or those that are not. */
static bool lay_sections(oj_plan *plan, bool zero)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        oji_link_member *member = &plan->members[m];
        for (uint32_t i = 0; i < member->object->n_sections; i++) {
            const oji_section *section = &member->object->sections[i];
            uint64_t offset;
            if ((section->kind == OJ_SECTION_ZERO) != zero)
                continue;
            member->slots[i].segment = segment_of(plan, section);
            if (member->slots[i].segment == OJI_NO_SEGMENT)
                continue;
            if (!append(plan, member->slots[i].segment, section->size, section->alignment, &offset))
                return false;
            member->slots[i].offset = (uint32_t)offset;
            plan->stats.n_sections++;
        }
    }
    return true;
}

static bool lay_commons(oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (plan->names[i].definition == OJI_LINK_COMMON &&
            !append(plan, SEGMENT_DATA, plan->names[i].size, plan->names[i].alignment, &plan->names[i].addr))
            return false;
    return true;
}

static bool lay_out(oj_plan *plan)
{
    uint64_t offset = 0;
    for (unsigned i = 0; i < SEGMENTS; i++)
        plan->alignments[i] = 1;
    if (plan->n_entries > 0 && !append(plan, SEGMENT_RODATA, (uint64_t)plan->n_entries * plan->arch->got_entry_size,
                                       plan->arch->got_entry_size, &offset))
        return false;
    if (!lay_sections(plan, false))
        return false;
    plan->zero_off = plan->sizes[SEGMENT_DATA];
    if (!lay_sections(plan, true) || !lay_commons(plan))
        return false;
    if (plan->n_stubs > 0 && !append(plan, SEGMENT_CODE, (uint64_t)plan->n_stubs * plan->arch->stub_size,
                                     plan->arch->stub_size, &offset))
        return false;
    plan->stubs_off = (uint32_t)offset;
    return plan->sizes[SEGMENT_CODE] + plan->sizes[SEGMENT_RODATA] + plan->sizes[SEGMENT_DATA] <= plan->arch->reach;
}

/* --- what can be seen to be wrong ----------------------------------------------------------------------------------- */

/* A relocation that is applied may not refer to what is not in memory. */
static oj_status check_references(const oj_plan *plan, oj_error *error)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t i = 0; i < object->n_symbols; i++) {
            const oji_symbol *symbol = &object->symbols[i];
            if (!(symbol->uses & OJI_USE_REFERENCED) || !oji_link_is_inside(symbol) ||
                plan->members[m].slots[symbol->section].segment != OJI_NO_SEGMENT)
                continue;
            const oji_place place = {
                .object = object->name, .section = object->sections[symbol->section].name, .symbol = symbol->name,
                .offset = UINT64_MAX};
            return oji_fail_at(error, OJ_E_UNSUPPORTED, &place,
                               "%s: loaded code refers to '%s' in section %s, which is not loaded", object->name,
                               symbol->name, place.section);
        }
    }
    return OJ_OK;
}

/* --- the window ----------------------------------------------------------------------------------------------------- */

static void lower(uint64_t *bound, uint64_t value)
{
    if (*bound == 0 || value < *bound)
        *bound = value;
}

/* 32-bit absolute fields that hold an address inside the link pull all of it down. */
static void keep_low(oj_plan *plan, uint16_t uses)
{
    if (uses & OJI_USE_LOW2G)
        lower(&plan->high_addr, UINT64_C(1) << 31);
    else if (uses & OJI_USE_LOW4G)
        lower(&plan->high_addr, UINT64_C(1) << 32);
}

static void find_low_uses(oj_plan *plan)
{
    uint16_t low = OJI_USE_LOW2G | OJI_USE_LOW4G;
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        if (!(object->uses & low))
            continue;
        for (uint32_t i = 0; i < object->first_global; i++)
            if ((object->symbols[i].uses & low) && oji_link_is_inside(&object->symbols[i]))
                keep_low(plan, object->symbols[i].uses);
    }
    for (uint32_t i = 0; i < plan->n_names; i++)
        if ((plan->names[i].uses & low) && oji_link_name_is_inside(plan, &plan->names[i]))
            keep_low(plan, plan->names[i].uses);
}

/* A PC-relative field with no way round it (a variable of the process, in code that was not compiled as PIC) pulls the
 * link to within reach of what it names. */
static oj_status find_near_uses(oj_plan *plan, oj_error *error)
{
    uint64_t total = plan->sizes[SEGMENT_CODE] + plan->sizes[SEGMENT_RODATA] + plan->sizes[SEGMENT_DATA];
    uint64_t reach = (UINT64_C(1) << 31) - WINDOW_SLACK;
    for (uint32_t i = 0; i < plan->n_names; i++) {
        const oji_link_name *name = &plan->names[i];
        if (name->definition != OJI_LINK_EXTERNAL)
            continue;
        if ((name->uses & OJI_USE_LOW2G) && name->addr >= UINT64_C(1) << 31 && name->addr < -(UINT64_C(1) << 31))
            return oji_link_report_unreachable(plan, name, error);
        if ((name->uses & OJI_USE_LOW4G) && name->addr >= UINT64_C(1) << 32)
            return oji_link_report_unreachable(plan, name, error);
        if (!(name->uses & OJI_USE_NEAR))
            continue;
        if (name->addr > reach && name->addr - reach > plan->low_addr)
            plan->low_addr = name->addr - reach;
        if (name->addr <= UINT64_MAX - reach)
            lower(&plan->high_addr, name->addr + reach);
        if (plan->high_addr != 0 && (plan->low_addr >= plan->high_addr || plan->high_addr - plan->low_addr < total))
            return oji_link_report_unreachable(plan, name, error);
    }
    return OJ_OK;
}

/* --- the whole ------------------------------------------------------------------------------------------------------ */

static void count(oj_plan *plan)
{
    oj_link_stats *stats = &plan->stats;
    stats->code_size = plan->sizes[SEGMENT_CODE];
    stats->rodata_size = plan->sizes[SEGMENT_RODATA];
    stats->data_size = plan->sizes[SEGMENT_DATA];
    stats->zero_size = plan->sizes[SEGMENT_DATA] - plan->zero_off;
    stats->n_objects = plan->n_members;
    stats->n_symbols = plan->n_kept;
    stats->n_got_entries = plan->n_entries;
    stats->n_stubs = plan->n_stubs;
    for (uint32_t m = 0; m < plan->n_members; m++)
        stats->n_relocations += plan->members[m].object->n_loaded_relocs;
}

oj_status oji_link_layout(oj_plan *plan, oj_error *error)
{
    uint64_t start = plan->options.stats ? oji_now() : 0;
    OJI_TRY(plan_entries(plan, error));
    if (!lay_out(plan))
        return oji_fail(error, OJ_E_LIMIT, "the linked code and data would exceed %llu bytes",
                        (unsigned long long)plan->arch->reach);
    OJI_TRY(check_references(plan, error));
    find_low_uses(plan);
    OJI_TRY(find_near_uses(plan, error));
    OJI_TRY(oji_link_choose_kept(plan, error));
    if (plan->options.stats) {
        count(plan);
        plan->stats.layout_ns = oji_now() - start;
    }
    return OJ_OK;
}
