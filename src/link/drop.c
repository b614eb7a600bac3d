/* What is left out of a link: further copies of shared groups.
 *
 * A section that is left out is marked in its slot before layout. Its member then sees symbols of its own: what the
 * section defines is undefined there, so that the name leads to the copy that is taken, and what only the section
 * refers to is not referred to.
 * Source: ELF gABI chapter 4, "Section Groups". */
#include "link/link.h"

static oj_status out_of_memory(oj_error *error)
{
    return oji_fail(error, OJ_E_NOMEM, "out of memory: choosing sections");
}

/* --- signatures --------------------------------------------------------------------------------------------------- */

static uint64_t signature_hash(const oji_group *group) { return oji_hash(group->signature, group->signature_size); }

static bool is_taken(const oj_plan *plan, const oji_group *group)
{
    uint32_t cursor = 0, index;
    uint64_t hash = signature_hash(group);
    while (plan->by_signature.slots && (index = oji_table_next(&plan->by_signature, hash, &cursor)) != OJI_TABLE_NONE) {
        const oji_group *other = plan->groups[index];
        if (other->signature_size == group->signature_size &&
            memcmp(other->signature, group->signature, group->signature_size) == 0)
            return true;
    }
    return false;
}

/* Twice the room each time: the tables that are left in the arena are together smaller than the last. */
static bool grow_signatures(oj_plan *plan)
{
    uint64_t capacity = plan->n_groups < 8 ? 16 : (uint64_t)plan->n_groups * 2;
    if (capacity > UINT32_MAX / 4 || !oji_table_init(&plan->by_signature, &plan->arena, capacity))
        return false;
    plan->by_signature_capacity = (uint32_t)capacity;
    for (uint32_t i = 0; i < plan->n_groups; i++)
        oji_table_add(&plan->by_signature, signature_hash(plan->groups[i]), i);
    return true;
}

static bool add_signature(oj_plan *plan, const oji_group *group)
{
    void *groups = plan->groups;
    if (plan->n_groups == plan->by_signature_capacity && !grow_signatures(plan))
        return false;
    if (!oji_arena_grow(&plan->arena, &groups, plan->n_groups, &plan->groups_capacity, sizeof *plan->groups))
        return false;
    plan->groups = groups;
    plan->groups[plan->n_groups] = group;
    oji_table_add(&plan->by_signature, signature_hash(group), plan->n_groups++);
    return true;
}

/* --- symbols of a member with sections left out ------------------------------------------------------------------- */

static bool is_left_out(const oji_link_member *member, uint32_t section)
{
    return member->slots[section].segment == OJI_NONE;
}

/* Only what is taken counts. Tables that tell about sections do not need those that are left out. What a symbol that is
 * referred to needs stays the sum of all references: more than is needed does no harm. */
static void add_uses(const oji_link_member *member, const oji_section *section, oji_symbol *symbols)
{
    for (uint32_t i = 0; i < section->n_relocs; i++) {
        const oji_reloc *reloc = &section->relocs[i];
        if (!(section->flags & OJI_SECTION_TELLS) || !oji_link_refers_to_nothing(member, reloc))
            symbols[reloc->symbol].uses = member->object->symbols[reloc->symbol].uses;
    }
}

/* Local symbols stay where they are: nobody else may define them, so that references to them can be told apart. */
oj_status oji_link_leave_out(oj_plan *plan, oji_link_member *member, oj_error *error)
{
    const oj_object *object = member->object;
    oji_symbol *symbols = oji_arena_array(&plan->arena, object->n_symbols, sizeof *symbols);
    if (!symbols)
        return out_of_memory(error);
    memcpy(symbols, object->symbols, object->n_symbols * sizeof *symbols);
    member->symbols = symbols;
    member->has_left_out = true;
    for (uint32_t i = 0; i < object->n_symbols; i++) {
        symbols[i].uses = 0;
        if (i >= object->first_global && oji_link_is_inside(&symbols[i]) && is_left_out(member, symbols[i].section)) {
            symbols[i].section = OJI_SECTION_UNDEFINED;
            symbols[i].value = 0;
        }
    }
    for (uint32_t i = 0; i < object->n_sections; i++)
        if (oji_section_is_loaded(&object->sections[i]) && !is_left_out(member, i))
            add_uses(member, &object->sections[i], symbols);
    return OJ_OK;
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

/* The first group of a signature is taken, in the order of members (gABI: any may be). */
oj_status oji_link_take_groups(oj_plan *plan, oji_link_member *member, oj_error *error)
{
    const oj_object *object = member->object;
    bool *left_out;
    member->symbols = object->symbols;
    if (object->n_groups == 0)
        return OJ_OK;
    left_out = oji_arena_array(&plan->arena, object->n_groups, sizeof *left_out);
    if (!left_out)
        return out_of_memory(error);
    for (uint32_t i = 0; i < object->n_groups; i++) {
        if (!object->groups[i].is_shared)
            continue;
        left_out[i] = is_taken(plan, &object->groups[i]);
        if (left_out[i])
            member->has_left_out = true;
        else if (!add_signature(plan, &object->groups[i]))
            return out_of_memory(error);
    }
    if (!member->has_left_out)
        return OJ_OK;
    for (uint32_t i = 0; i < object->n_sections; i++)
        if (object->sections[i].group != 0 && left_out[object->sections[i].group - 1])
            member->slots[i].segment = OJI_NONE;
    return oji_link_leave_out(plan, member, error);
}
