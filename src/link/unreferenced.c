/* OJ_LINK_DROP_UNREFERENCED: which sections nothing refers to, from what is wanted on.
 *
 * Kept are the sections of the roots, whatever these refer to, directly or not, and the rest of the groups of these.
 * Roots: the wanted names, or where none is wanted all names that a code may keep; functions that run before and after
 * all others; what is to be retained; and sections that __start_X and __stop_X may bound. Tables that tell about code
 * stay, and what they say of code that goes reads as zero: they keep personalities and type information, never code.
 * Source: GNU ld's manual, --gc-sections; gABI chapter 4, "Section Groups". */
#include "link/link.h"

/* Sections of one member. */
typedef struct reach {
    bool *is_kept;           /* one for each section */
    uint32_t *next_in_group; /* section of the same group, 0 = none */
    uint32_t *group;         /* first section of each group; 0 once the whole group is kept */
} reach;

typedef struct marking {
    oj_plan *plan;
    reach *members;
    oji_link_ref *open; /* kept, and not followed yet */
    uint64_t n_open;
} marking;

static oj_status out_of_memory(oj_error *error)
{
    return oji_fail(error, OJ_E_NOMEM, "out of memory: finding unreferenced sections");
}

static bool prepare_member(oj_plan *plan, const oj_object *object, reach *r)
{
    r->is_kept = oji_arena_array(&plan->arena, object->n_sections, sizeof *r->is_kept);
    r->next_in_group = oji_arena_array(&plan->arena, object->n_sections, sizeof *r->next_in_group);
    r->group = oji_arena_array(&plan->arena, object->n_groups, sizeof *r->group);
    if (!r->is_kept || !r->next_in_group || !r->group)
        return false;
    for (uint32_t i = 1; i < object->n_sections; i++)
        if (object->sections[i].group != 0) {
            uint32_t *first = &r->group[object->sections[i].group - 1];
            r->next_in_group[i] = *first;
            *first = i;
        }
    return true;
}

/* Each section is opened once, so that the list has room for all. */
static void keep_one(marking *m, uint32_t member, uint32_t section)
{
    const oji_link_member *owner = &m->plan->members[member];
    if (m->members[member].is_kept[section] || owner->slots[section].segment == OJI_NONE ||
        !oji_section_is_loaded(&owner->object->sections[section]))
        return;
    m->members[member].is_kept[section] = true;
    m->open[m->n_open++] = (oji_link_ref){.member = member, .symbol = section};
}

static void keep(marking *m, uint32_t member, uint32_t section)
{
    uint32_t group = m->plan->members[member].object->sections[section].group;
    uint32_t next = group == 0 ? 0 : m->members[member].group[group - 1];
    keep_one(m, member, section);
    if (group != 0)
        m->members[member].group[group - 1] = 0;
    for (; next != 0; next = m->members[member].next_in_group[next])
        keep_one(m, member, next);
}

static void keep_name(marking *m, const oji_link_name *name)
{
    const oji_symbol *symbol;
    if (name->definition != OJI_LINK_WEAK && name->definition != OJI_LINK_STRONG)
        return;
    symbol = &m->plan->members[name->member].symbols[name->symbol];
    if (oji_link_is_inside(symbol))
        keep(m, name->member, symbol->section);
}

static void follow(marking *m, oji_link_ref ref)
{
    const oji_link_member *member = &m->plan->members[ref.member];
    const oji_section *section = &member->object->sections[ref.symbol];
    for (uint32_t i = 0; i < section->n_relocs; i++) {
        uint32_t index = section->relocs[i].symbol;
        const oji_symbol *symbol = &member->symbols[index];
        const oji_link_name *name = oji_link_name_of(m->plan, member, index);
        if (name)
            keep_name(m, name);
        else if (oji_link_is_inside(symbol) && (!(section->flags & OJI_SECTION_TELLS) ||
                                                member->object->sections[symbol->section].kind != OJ_SECTION_CODE))
            keep(m, ref.member, symbol->section);
    }
}

/* Named like an identifier of C: a letter or underscore first says enough, as the formats' own names begin with a
 * dot. */
static bool is_root(const oji_section *section)
{
    const uint32_t flags = OJI_SECTION_TELLS | OJI_SECTION_INIT | OJI_SECTION_FINI | OJI_SECTION_RETAIN;
    if (section->flags & OJI_SECTION_INDEX)
        return false;
    return (section->flags & flags) != 0 || section->kind == OJ_SECTION_UNWIND ||
           (section->name[0] != '.' && section->name[0] != '\0');
}

static void follow_all(marking *m)
{
    while (m->n_open > 0)
        follow(m, m->open[--m->n_open]);
}

/* An index goes where its code goes: it stays where that does, and may keep personalities, which are code again. */
static bool keep_indexes(marking *m)
{
    for (uint32_t k = 0; k < m->plan->n_members; k++) {
        const oj_object *object = m->plan->members[k].object;
        for (uint32_t i = 1; object->has_index && i < object->n_sections; i++)
            if ((object->sections[i].flags & OJI_SECTION_INDEX) && m->members[k].is_kept[object->sections[i].order])
                keep_one(m, k, i);
    }
    return m->n_open > 0;
}

static void mark(marking *m)
{
    const oj_plan *plan = m->plan;
    for (uint32_t k = 0; k < plan->n_members; k++)
        for (uint32_t i = 1; i < plan->members[k].object->n_sections; i++)
            if (is_root(&plan->members[k].object->sections[i]))
                keep_one(m, k, i);
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (plan->options.n_wanted > 0 ? plan->names[i].is_wanted : !plan->names[i].is_hidden)
            keep_name(m, &plan->names[i]);
    do
        follow_all(m);
    while (keep_indexes(m));
}

/* Needs all members and names; leaves sections out of their members. Names are then to be gathered anew. */
oj_status oji_link_drop_unreferenced(oj_plan *plan, oj_error *error)
{
    marking m = {.plan = plan};
    uint64_t n_sections = 0;
    m.members = oji_arena_array(&plan->arena, plan->n_members, sizeof *m.members);
    for (uint32_t k = 0; m.members && k < plan->n_members; k++) {
        n_sections += plan->members[k].object->n_sections;
        if (!prepare_member(plan, plan->members[k].object, &m.members[k]))
            return out_of_memory(error);
    }
    m.open = oji_arena_array(&plan->arena, n_sections, sizeof *m.open);
    if (!m.members || !m.open)
        return out_of_memory(error);
    mark(&m);
    for (uint32_t k = 0; k < plan->n_members; k++) {
        oji_link_member *member = &plan->members[k];
        bool has_more = false;
        for (uint32_t i = 1; i < member->object->n_sections; i++)
            if (oji_section_is_loaded(&member->object->sections[i]) && !m.members[k].is_kept[i] &&
                member->slots[i].segment != OJI_NONE) {
                member->slots[i].segment = OJI_NONE;
                has_more = true;
            }
        if (has_more)
            OJI_TRY(oji_link_leave_out(plan, member, error));
    }
    return OJ_OK;
}
