/* Runs: sections that must lie one behind another, from whatever members they come.
 *
 * Arrays of functions to run are ordered as GNU ld's default script orders them. Sections whose names are identifiers
 * of C are joined where somebody asks for their start or end (gABI has no such names; GNU ld's manual, "Orphan
 * Sections"). All else is laid out in the order of members. */
#include "link/link.h"

static oj_status out_of_memory(oj_error *error)
{
    return oji_fail(error, OJ_E_NOMEM, "out of memory: ordering sections");
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static bool is_identifier(const char *name)
{
    if (!is_letter(*name))
        return false;
    while (is_letter(*name) || (*name >= '0' && *name <= '9'))
        name++;
    return *name == '\0';
}

/* No identifier of C: the name of the index of unwind entries. */
#define INDEX ".index"

/* The part behind __start_ or __stop_, or INDEX; NULL where the name is no bound, or is defined. */
static const char *bounded_section(const oji_link_name *name, oji_link_own *own)
{
    if (OJI_LIKELY(name->name[0] != '_' || name->name[1] != '_') || name->definition != OJI_LINK_UNDEFINED)
        return NULL;
    *own = OJI_LINK_OWN_START;
    if (strcmp(name->name, "__exidx_start") == 0)
        return INDEX;
    if (strncmp(name->name, "__start_", 8) == 0)
        return name->name + 8;
    *own = OJI_LINK_OWN_STOP;
    if (strcmp(name->name, "__exidx_end") == 0)
        return INDEX;
    return strncmp(name->name, "__stop_", 7) == 0 ? name->name + 7 : NULL;
}

static uint32_t find_run(const oj_plan *plan, const oji_table *by_name, const char *name)
{
    size_t size = strlen(name);
    uint32_t cursor = 0, index;
    uint64_t hash = oji_hash(name, size);
    while ((index = oji_table_next(by_name, hash, &cursor)) != OJI_TABLE_NONE)
        if (plan->runs[index].name_size == size && memcmp(plan->runs[index].name, name, size) == 0)
            return index;
    return OJI_NONE;
}

/* One run for each section name that is asked for; whether there are such sections is not known yet. */
static bool add_named_runs(oj_plan *plan, oji_table *by_name, uint32_t n_asked)
{
    plan->runs = oji_arena_array(&plan->arena, (uint64_t)n_asked + OJI_RUN_NAMED, sizeof *plan->runs);
    if (!plan->runs || !oji_table_init(by_name, &plan->arena, n_asked))
        return false;
    plan->n_runs = OJI_RUN_NAMED;
    for (uint32_t i = 0; n_asked > 0 && i < plan->n_names; i++) {
        oji_link_own own;
        const char *section = bounded_section(&plan->names[i], &own);
        if (!section || !is_identifier(section) || find_run(plan, by_name, section) != OJI_NONE)
            continue;
        plan->runs[plan->n_runs].name = section;
        plan->runs[plan->n_runs].name_size = (uint32_t)strlen(section);
        oji_table_add(by_name, oji_hash(section, strlen(section)), plan->n_runs++);
    }
    return true;
}

/* --- sections ----------------------------------------------------------------------------------------------------- */

static uint32_t run_of(const oj_plan *plan, const oji_table *by_name, uint32_t m, uint32_t i)
{
    const oji_section *section = &plan->members[m].object->sections[i];
    if (oji_link_kind_of(plan, section) == 0 || plan->members[m].slots[i].segment == OJI_NONE)
        return OJI_NONE;
    if (section->flags & (OJI_SECTION_INIT | OJI_SECTION_FINI))
        return section->flags & OJI_SECTION_INIT ? OJI_RUN_INIT : OJI_RUN_FINI;
    if (section->flags & OJI_SECTION_INDEX)
        return oji_link_places_singly(&plan->options) || section->size == 0 ? OJI_NONE : OJI_RUN_INDEX;
    if (plan->n_runs == OJI_RUN_NAMED || !is_identifier(section->name))
        return OJI_NONE;
    return find_run(plan, by_name, section->name);
}

/* Mark and count. Needs the runs. */
static void count_sections(oj_plan *plan, const oji_table *by_name)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = member->object->first_loaded; i < member->object->loaded_end; i++) {
            uint32_t run = run_of(plan, by_name, m, i);
            if (run == OJI_NONE)
                continue;
            member->slots[i].is_in_run = true;
            plan->runs[run].n_sections++;
            plan->n_run_sections++;
        }
    }
}

/* In the order of members and sections within each run. */
static bool list_sections(oj_plan *plan, const oji_table *by_name)
{
    uint32_t first = 0;
    plan->run_sections = oji_arena_array(&plan->arena, plan->n_run_sections, sizeof *plan->run_sections);
    if (!plan->run_sections)
        return false;
    for (uint32_t i = 0; i < plan->n_runs; i++) {
        plan->runs[i].first = first;
        first += plan->runs[i].n_sections;
        plan->runs[i].n_sections = 0; /* counted up again */
    }
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; i < plan->members[m].object->n_sections; i++)
            if (plan->members[m].slots[i].is_in_run) {
                oji_link_run *run = &plan->runs[run_of(plan, by_name, m, i)];
                plan->run_sections[run->first + run->n_sections++] = (oji_link_ref){.member = m, .symbol = i};
            }
    return true;
}

/* Arrays by their order; equal ones stay as they are. */
static bool sort_array(oj_plan *plan, const oji_link_run *run)
{
    uint64_t *keys = oji_arena_array(&plan->arena, (uint64_t)run->n_sections * 2, sizeof *keys);
    oji_link_ref *refs = plan->run_sections + run->first;
    oji_link_ref *copy = oji_arena_array(&plan->arena, run->n_sections, sizeof *copy);
    if (!keys || !copy)
        return false;
    for (uint32_t i = 0; i < run->n_sections; i++) {
        const oji_section *section = &plan->members[refs[i].member].object->sections[refs[i].symbol];
        keys[i] = (uint64_t)section->order << 32 | i;
        copy[i] = refs[i];
    }
    oji_link_sort_keys(keys, keys + run->n_sections, run->n_sections);
    for (uint32_t i = 0; i < run->n_sections; i++)
        refs[i] = copy[(uint32_t)keys[i]];
    return true;
}

/* --- where they go ------------------------------------------------------------------------------------------------ */

/* Named sections of several kinds share the most permissive, as in GNU ld, but for code: that is never writable. Where
 * sections are placed singly, runs lie in the linker's own segment, which is data. */
static oj_status choose_segment(const oj_plan *plan, uint32_t index, oj_error *error)
{
    oji_link_run *run = &plan->runs[index];
    bool has_code = false, has_other = false;
    for (uint32_t i = 0; i < run->n_sections; i++) {
        oji_link_ref ref = plan->run_sections[run->first + i];
        uint32_t kind = oji_link_kind_of(plan, &plan->members[ref.member].object->sections[ref.symbol]);
        has_code |= kind == OJ_SEGMENT_CODE;
        has_other |= kind != OJ_SEGMENT_CODE;
        if (run->segment < kind - 1)
            run->segment = kind - 1; /* ORDER OJI_SEGMENT */
    }
    if (has_code && (has_other || oji_link_places_singly(&plan->options)))
        return oji_fail(error, OJ_E_UNSUPPORTED, "sections %s cannot be joined for __start_%s: some are code, and %s",
                        run->name, run->name, has_other ? "some are data" : "sections are placed singly");
    return OJ_OK;
}

/* A name without a section stays undefined; resolvers may know it. Needs n_sections. */
static void define_bounds(oj_plan *plan, const oji_table *by_name)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        oji_link_own own;
        const char *section = bounded_section(name, &own);
        uint32_t run = OJI_NONE;
        if (section)
            run = *section == '.' ? (uint32_t)OJI_RUN_INDEX : find_run(plan, by_name, section);
        if (run == OJI_NONE || plan->runs[run].n_sections == 0)
            continue;
        name->definition = OJI_LINK_LINKER;
        name->own = (uint8_t)own;
        name->addr = run;
    }
}

/* Most links have none of this, and pay for one look at each name. */
oj_status oji_link_gather_runs(oj_plan *plan, oj_error *error)
{
    uint32_t n_asked = 0;
    bool has_own = false;
    oji_table by_name = {0};
    oji_link_own own;
    for (uint32_t m = 0; m < plan->n_members; m++)
        has_own |= plan->members[m].object->has_arrays || plan->members[m].object->has_index;
    for (uint32_t i = 0; i < plan->n_names; i++)
        n_asked += bounded_section(&plan->names[i], &own) != NULL;
    if (!has_own && n_asked == 0)
        return OJ_OK;
    if (!add_named_runs(plan, &by_name, n_asked))
        return out_of_memory(error);
    oji_link_leave_indexes_out(plan);
    count_sections(plan, &by_name);
    if (!list_sections(plan, &by_name) || !oji_link_prepare_index(plan))
        return out_of_memory(error);
    plan->runs[OJI_RUN_INDEX].segment = SEGMENT_RODATA;
    for (uint32_t i = 0; i < OJI_RUN_INDEX; i++) {
        plan->runs[i].segment = SEGMENT_DATA;
        if (!sort_array(plan, &plan->runs[i]))
            return out_of_memory(error);
    }
    for (uint32_t i = OJI_RUN_NAMED; i < plan->n_runs; i++)
        OJI_TRY(choose_segment(plan, i, error));
    define_bounds(plan, &by_name);
    return OJ_OK;
}

static const oji_section *section_of(const oj_plan *plan, oji_link_ref ref)
{
    return &plan->members[ref.member].object->sections[ref.symbol];
}

/* Where a run starts decides which of its sections have gaps between them, which would be read as elements: it is
 * aligned as the section is that GNU ld makes of it. Those of arrays are whole words at least. */
static uint32_t alignment_of(const oj_plan *plan, const oji_link_run *run, uint32_t least)
{
    uint32_t alignment = least;
    for (uint32_t i = 0; i < run->n_sections; i++) {
        const oji_section *section = section_of(plan, plan->run_sections[run->first + i]);
        if (section->alignment > alignment)
            alignment = section->alignment;
    }
    return alignment;
}

/* The array of what is run at the end has a word more, which its reader stops at. */
bool oji_link_lay_run(oj_plan *plan, uint32_t index)
{
    oji_link_run *run = &plan->runs[index];
    const uint32_t least = index < OJI_RUN_NAMED ? plan->arch->got_entry_size : 1;
    uint32_t offset = 0;
    if (index == OJI_RUN_INDEX)
        return oji_link_lay_index(plan);
    if (run->n_sections > 0 && !oji_link_append(plan, run->segment, 0, alignment_of(plan, run, least), &run->offset))
        return false;
    run->size = 0;
    for (uint32_t i = 0; i < run->n_sections; i++) {
        oji_link_ref ref = plan->run_sections[run->first + i];
        const oji_section *section = section_of(plan, ref);
        oji_link_slot *slot = &plan->members[ref.member].slots[ref.symbol];
        uint32_t alignment = section->alignment > least ? section->alignment : least;
        if (!oji_link_append(plan, run->segment, section->size, alignment, &offset))
            return false;
        slot->segment = run->segment;
        slot->offset = offset & INT32_MAX;
        run->size = offset + (uint32_t)section->size - run->offset;
        plan->stats.n_sections++;
    }
    return index != OJI_RUN_FINI || run->n_sections == 0 ||
           oji_link_append(plan, run->segment, plan->arch->got_entry_size, plan->arch->got_entry_size, &offset);
}

static void turn(uint8_t *words, uint64_t n, uint32_t size)
{
    for (uint64_t i = 0; i < n / 2; i++) {
        uint8_t word[8], *a = words + i * size, *b = words + (n - 1 - i) * size;
        memcpy(word, a, size);
        memcpy(a, b, size);
        memcpy(b, word, size);
    }
}

void oji_link_turn_arrays(const oj_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_run_sections; i++) {
        oji_link_ref ref = plan->run_sections[i];
        const oji_section *section = &plan->members[ref.member].object->sections[ref.symbol];
        const oji_link_slot *slot = &plan->members[ref.member].slots[ref.symbol];
        if ((section->flags & OJI_SECTION_BACKWARDS) && section->size > 0)
            turn(oji_link_write_at(plan, slot->segment, slot->offset), section->size / plan->arch->got_entry_size,
                 plan->arch->got_entry_size);
    }
}
