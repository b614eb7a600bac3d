/* Code that a link may make shorter: an architecture's relax() makes an object of the same sections, symbols and
 * relocations, in the same order, and the member becomes one of that. */
#include "link/link.h"

/* An upper bound of the merged code segment's bytes: every name may bring a stub, and one more where a function is
 * chosen at the end. */
static uint64_t bound_code_size(const oj_plan *plan)
{
    uint64_t size = (uint64_t)plan->n_names * 2 * plan->arch->stub_size + plan->arch->patch_word;
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        /* Local ones have stubs, and no names. */
        if (object->has_ifuncs)
            size += (uint64_t)object->n_symbols * plan->arch->stub_size;
        for (uint32_t i = 0; i < object->n_sections; i++)
            if (object->sections[i].kind == OJ_SECTION_CODE)
                size += object->sections[i].size + object->sections[i].alignment;
    }
    return size;
}

static bool is_code(const oj_plan *plan, uint32_t member, const oji_symbol *symbol)
{
    const oji_link_member *owner = &plan->members[member];
    return symbol->section < owner->object->n_sections && symbol->type != OJ_SYMBOL_IFUNC &&
           owner->object->sections[symbol->section].kind == OJ_SECTION_CODE &&
           owner->slots[symbol->section].segment != OJI_NONE;
}

/* Needs all names. What a resolver has defined is elsewhere, though the object has it as well. */
static uint32_t bound(const oji_relaxing *relaxing, uint32_t index)
{
    const oj_plan *plan = relaxing->plan;
    const oji_link_member *member = &plan->members[relaxing->member];
    uint32_t in_code = oji_link_places_singly(&plan->options) ? 0 : OJI_BOUND_CODE;
    const oji_link_name *name;
    if (index < member->object->first_global)
        return is_code(plan, relaxing->member, &member->symbols[index]) ? OJI_BOUND_OWN | in_code : 0;
    name = oji_link_name_of(plan, member, index);
    if (!name || (name->definition != OJI_LINK_WEAK && name->definition != OJI_LINK_STRONG) ||
        !is_code(plan, name->member, &plan->members[name->member].symbols[name->symbol]))
        return 0;
    return name->member == relaxing->member && name->symbol == index ? OJI_BOUND_OWN | in_code : in_code;
}

oj_status oji_link_relax(oj_plan *plan, oj_error *error)
{
    if (!plan->arch->relax)
        return OJ_OK;
    oji_relaxing relaxing = {.arena = &plan->arena, .bound = bound, .plan = plan, .code_size = bound_code_size(plan)};
    for (uint32_t m = 0; m < plan->n_members; m++) {
        oji_link_member *member = &plan->members[m];
        if (!member->object->may_shrink)
            continue;
        relaxing.object = member->object;
        relaxing.symbols = member->symbols;
        relaxing.member = m;
        OJI_TRY(plan->arch->relax(&relaxing, error));
        member->object = relaxing.shrunk;
        member->symbols = relaxing.shrunk_symbols;
    }
    return OJ_OK;
}
