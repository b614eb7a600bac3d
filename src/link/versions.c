/* Definitions under versions of names, as .symver makes them: name@VERSION is that version alone, name@@VERSION also
 * what the name means without one, and either is found by both spellings of itself. Each has a name of the link of its
 * own; here those that are open and mean the same get its definition.
 * Source: GNU as's manual, ".symver"; what GNU ld does in the component that defines them. */
#include "link/link.h"

static bool has_versions(const oj_plan *plan)
{
    for (uint32_t m = 0; m < plan->n_members; m++)
        if (plan->members[m].object->has_versions)
            return true;
    return false;
}

/* What is defined so already, or by others, stays. */
static void define(oj_plan *plan, const char *text, size_t size, const oji_link_name *as)
{
    const oji_link_name *found = oji_link_find_name(plan, text, size);
    oji_link_name *name = found ? &plan->names[found - plan->names] : NULL;
    if (!name || name->definition != OJI_LINK_UNDEFINED)
        return;
    name->definition = as->definition;
    name->member = as->member;
    name->symbol = as->symbol;
}

/* The spelling with one @ more or less: a reference does not know which version is the default. False where memory
 * ends. */
static bool define_other_spelling(oj_plan *plan, const oji_link_name *name, size_t base, bool is_default)
{
    const char *version = name->name + base + (is_default ? 2 : 1);
    size_t version_size = name->name_size - (size_t)(version - name->name), at = is_default ? 1 : 2;
    char *other = oji_arena_array(&plan->arena, base + at + version_size + 1, 1);
    if (!other)
        return false;
    memcpy(other, name->name, base);
    memset(other + base, '@', at);
    memcpy(other + base + at, version, version_size);
    define(plan, other, base + at + version_size, name);
    return true;
}

static bool define_versions_of(oj_plan *plan, const oji_link_name *name)
{
    const char *at = memchr(name->name, '@', name->name_size);
    size_t base = at ? (size_t)(at - name->name) : 0;
    bool is_default;
    if (base == 0 || base + 1 == name->name_size ||
        (name->definition != OJI_LINK_WEAK && name->definition != OJI_LINK_STRONG))
        return true;
    is_default = at[1] == '@';
    if (is_default)
        define(plan, name->name, base, name);
    return define_other_spelling(plan, name, base, is_default);
}

/* Needs the names of all members that there are; more may come. */
oj_status oji_link_define_versions(oj_plan *plan, oj_error *error)
{
    bool done = true;
    if (OJI_LIKELY(!has_versions(plan)))
        return OJ_OK;
    done = oji_link_index_names(plan);
    for (uint32_t i = 0; done && i < plan->n_names; i++)
        done = define_versions_of(plan, &plan->names[i]);
    return done ? OJ_OK : oji_fail(error, OJ_E_NOMEM, "out of memory: versions of names");
}
