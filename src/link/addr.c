/* Where segments, symbols and names are, in a plan whose segments have addresses. */
#include "link/link.h"

/* 0 stands for what has no place of its own: undefined and common symbols, which go by their name, and sections that
 * are not loaded, which check_references() has found nobody to refer to. */
uint64_t oji_link_symbol_addr(const oj_plan *plan, const oji_link_member *member, const oji_symbol *symbol)
{
    const oji_link_slot *slot;
    if (symbol->section == OJI_SECTION_ABSOLUTE)
        return symbol->value;
    if (symbol->section >= OJI_SECTION_COMMON)
        return 0;
    slot = &member->slots[symbol->section];
    if (slot->segment == OJI_IN_BLOCK)
        return slot->offset + symbol->value;
    return slot->segment == OJI_NONE ? 0 : oji_link_run_addr(plan, slot->segment) + slot->offset + symbol->value;
}

/* Distances are taken modulo 2^64 and shifted by the reach, so that one unsigned comparison serves both directions.
 * Both ends are asked: what reaches from them reaches from all between. */
static bool reaches_from_everywhere(const oj_plan *plan, uint64_t addr)
{
    for (uint32_t i = 0; i < plan->n_requests; i++) {
        const oj_segment *request = &plan->requests[i];
        uint64_t from_start = addr - request->run_addr, from_end = addr - (request->run_addr + request->size);
        if (from_start + plan->arch->reach > 2 * plan->arch->reach ||
            from_end + plan->arch->reach > 2 * plan->arch->reach)
            return false;
    }
    return true;
}

/* The function itself where every field of the link can hold it, else its stub. Decided once for the whole link:
 * function pointers compare equal only if all fields hold the same address (psABI, function addresses). */
static uint64_t canonical_addr(const oj_plan *plan, const oji_link_name *name)
{
    const oji_link_island *island = &plan->islands[0];
    bool is_low = !(name->uses & (OJI_USE_LOW2G | OJI_USE_LOW4G)) || name->addr < UINT64_C(1) << 31;
    bool is_near = !(name->uses & OJI_USE_NEAR) || reaches_from_everywhere(plan, name->addr);
    if (is_low && is_near)
        return name->addr;
    return oji_link_run_addr(plan, island->stubs_segment) + island->stubs_off +
           (uint64_t)(name->stub - 1) * plan->arch->stub_size + plan->arch->stub_entry;
}

uint64_t oji_link_entry_addr(const oj_plan *plan, const oji_link_island *island, uint32_t index)
{
    return oji_link_run_addr(plan, island->got_segment) + island->got_off +
           (uint64_t)index * plan->arch->got_entry_size;
}

uint64_t oji_link_ifunc_addr(const oj_plan *plan, uint32_t index)
{
    const oji_link_island *island = plan->ifuncs;
    return oji_link_run_addr(plan, island->stubs_segment) + island->stubs_off +
           (uint64_t)index * oji_link_stub_size(plan, island) + plan->arch->stub_entry;
}

uint64_t oji_link_ifunc_resolver(const oj_plan *plan, uint32_t index)
{
    oji_link_ref ref = plan->entries[plan->ifuncs->first_entry + index];
    const oji_link_member *member = &plan->members[ref.member];
    return oji_link_symbol_addr(plan, member, &member->symbols[ref.symbol]);
}

static uint64_t own_addr(const oj_plan *plan, const oji_link_name *name)
{
    const oji_link_run *run;
    if (name->own == OJI_LINK_OWN_BASE)
        return oji_link_base_addr(plan);
    run = &plan->runs[name->addr];
    return oji_link_run_addr(plan, run->segment) + run->offset + (name->own == OJI_LINK_OWN_STOP ? run->size : 0);
}

uint64_t oji_link_name_addr(const oj_plan *plan, const oji_link_name *name)
{
    const oji_link_member *member = &plan->members[name->member];
    switch (name->definition) {
    case OJI_LINK_WEAK:
    case OJI_LINK_STRONG:
        if (name->ifunc != 0)
            return oji_link_ifunc_addr(plan, name->ifunc - 1);
        return oji_link_symbol_addr(plan, member, &member->symbols[name->symbol]);
    case OJI_LINK_COMMON:
        if (name->is_tls)
            return name->addr;
        return oji_link_run_addr(plan, plan->common_segment) + name->addr;
    case OJI_LINK_LINKER:
        return name->is_tls ? 0 : own_addr(plan, name);
    default:
        return name->is_canonical ? canonical_addr(plan, name) : name->addr;
    }
}
