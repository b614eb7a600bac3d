/* Indirect functions: symbols (STT_GNU_IFUNC) that name a function which returns the address of the one to be called.
 *
 * Each has a stub, which is its address for everybody, so that pointers to it are equal wherever they were taken. The
 * stub jumps through an entry in data: what it is to hold is known only when the code can run, and by then read-only
 * data may have become so.
 * Source: GNU's addition to the gABI (binutils, STT_GNU_IFUNC); x86-64 psABI, R_X86_64_IRELATIVE. */
#include "link/link.h"

static bool is_ifunc(const oji_symbol *symbol) { return symbol->type == OJ_SYMBOL_IFUNC && oji_link_is_inside(symbol); }

static const oji_symbol *definition_of(const oj_plan *plan, const oji_link_name *name)
{
    if (name->definition != OJI_LINK_WEAK && name->definition != OJI_LINK_STRONG)
        return NULL;
    return &plan->members[name->member].symbols[name->symbol];
}

/* Local ones only where something refers to them; global ones may be asked for by name. */
static bool add_all(oj_plan *plan)
{
    uint32_t capacity = plan->n_entries;
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        const oji_symbol *symbol = definition_of(plan, name);
        if (!symbol || !is_ifunc(symbol))
            continue;
        name->ifunc = oji_link_add_entry(plan, plan->ifuncs, &capacity, name->member, name->symbol);
        if (name->ifunc == 0)
            return false;
    }
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; plan->members[m].object->has_ifuncs && i < plan->members[m].object->first_global; i++) {
            const oji_symbol *symbol = &plan->members[m].symbols[i];
            if (is_ifunc(symbol) && (symbol->uses & OJI_USE_REFERENCED) &&
                oji_link_add_entry(plan, plan->ifuncs, &capacity, m, i) == 0)
                return false;
        }
    return true;
}

/* Behind the other islands' entries, so that theirs keep their places. */
oj_status oji_link_plan_ifuncs(oj_plan *plan, oj_error *error)
{
    bool has_ifuncs = false;
    for (uint32_t m = 0; m < plan->n_members; m++)
        has_ifuncs |= plan->members[m].object->has_ifuncs;
    if (!has_ifuncs)
        return OJ_OK;
    plan->ifuncs = oji_arena_array(&plan->arena, 1, sizeof *plan->ifuncs);
    if (!plan->ifuncs)
        return oji_fail(error, OJ_E_NOMEM, "out of memory: planning indirect functions");
    *plan->ifuncs = (oji_link_island){.member = OJI_NONE,
                                      .section = OJI_NONE,
                                      .first_entry = plan->n_entries,
                                      .got_segment = SEGMENT_DATA,
                                      .stubs_segment = SEGMENT_CODE};
    if (!add_all(plan))
        return oji_fail(error, OJ_E_NOMEM, "out of memory: planning indirect functions");
    plan->ifuncs->n_stubs = plan->ifuncs->n_entries;
    return OJ_OK;
}

/* Stubs are code and their entries are written when code has been published: where segments are anywhere, only a word
 * in the stubs' own segment is certain to be in reach of them. */
bool oji_link_is_far(const oj_plan *plan, const oji_link_island *island)
{
    return island == plan->ifuncs && oji_link_places_singly(&plan->options) && plan->arch->write_far_stub;
}

/* Names know; local symbols have none. */
void oji_link_set_ifunc_targets(const oj_plan *plan)
{
    for (uint32_t i = 0; plan->ifuncs && i < plan->ifuncs->n_entries; i++) {
        oji_link_ref ref = plan->entries[plan->ifuncs->first_entry + i];
        plan->members[ref.member].targets[ref.symbol].addr = oji_link_ifunc_addr(plan, i);
    }
}

oj_status oji_link_check_ifuncs(const oj_plan *plan, bool by_hand, oj_error *error)
{
    oji_link_ref ref;
    const char *name;
    if (OJI_LIKELY(!plan->ifuncs || plan->ifuncs->n_entries == 0) || (!by_hand && plan->arch == oji_arch_host()))
        return OJ_OK;
    ref = plan->entries[plan->ifuncs->first_entry];
    name = plan->members[ref.member].symbols[ref.symbol].name;
    const oji_place place = {.object = plan->members[ref.member].object->name, .symbol = name, .offset = UINT64_MAX};
    return oji_fail_at(error, OJ_E_UNSUPPORTED, &place,
                       "%s: '%s' is an indirect function (ifunc): linking has to run code, which it cannot %s",
                       place.object, name, by_hand ? "at addresses chosen by hand" : "of another architecture");
}

/* In the order of the entries: each may call those before it only, as with the dynamic linker. */
oj_status oji_link_choose_ifuncs(const oj_plan *plan, oj_error *error)
{
    for (uint32_t i = 0; plan->ifuncs && i < plan->ifuncs->n_entries; i++) {
        oji_link_ref ref = plan->entries[plan->ifuncs->first_entry + i];
        uint64_t where = oji_link_entry_addr(plan, plan->ifuncs, i);
        uint64_t chosen = oji_link_call_ifunc_resolver(oji_link_ifunc_resolver(plan, i));
        if (chosen == 0) {
            const oji_place place = {.object = plan->members[ref.member].object->name,
                                     .symbol = plan->members[ref.member].symbols[ref.symbol].name,
                                     .offset = UINT64_MAX};
            return oji_fail_at(error, OJ_E_UNDEFINED, &place, "%s: the indirect function '%s' chooses no function",
                               place.object, place.symbol);
        }
        memcpy((void *)(uintptr_t)where, &(uintptr_t){(uintptr_t)chosen}, sizeof(uintptr_t));
    }
    return OJ_OK;
}
