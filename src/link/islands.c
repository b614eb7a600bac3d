/* Which GOT entries and stubs a link needs. Merged plans have one island for all sections: its stubs stand behind the
 * code, its GOT before the read-only data, and what lies inside the link is in reach by construction. Where sections
 * are placed singly, anywhere, each brings the entries and stubs for everything outside itself.
 *
 * Code that was not compiled as PIC takes the address of a function by a field of 32 bits. Where a function of the
 * process is out of its reach, its stub is its address for the whole link: what the psABI calls a canonical PLT entry.
 * The stub's own GOT entry then is not the one that the link's loads use. */
#include "link/link.h"

/* A stress build gives every call its stub and every relaxable load its entry, in reach or not, so that small tests
 * exercise both. */
#ifdef OJ_STRESS
enum { ENTRIES_FOR_ALL = 1 };
#else
enum { ENTRIES_FOR_ALL = 0 };
#endif

static oj_status out_of_memory(oj_error *error)
{
    return oji_fail(error, OJ_E_NOMEM, "out of memory: planning GOT entries and stubs");
}

/* A call inside the link needs none: layout keeps all of a merged link within the architecture's reach, and veneers.c
 * sees to branches that reach less. */
static bool needs_stub(uint32_t uses, bool is_inside)
{
    return (uses & OJI_USE_CALL) && (!is_inside || ENTRIES_FOR_ALL);
}

/* A branch that cannot change the instruction set to what a function inside the link is in. `symbol` is the function's
 * definition; an indirect function's address is its stub's, whatever set the function that chooses is in. */
static bool crosses_sets(uint32_t uses, const oji_symbol *symbol)
{
    bool is_ifunc = symbol->type == OJ_SYMBOL_IFUNC;
    if ((symbol->type != OJ_SYMBOL_FUNCTION && !is_ifunc) || !oji_link_is_inside(symbol))
        return false;
    return (uses & (!is_ifunc && (symbol->value & 1) ? OJI_USE_JUMP_EVEN : OJI_USE_JUMP_ODD)) != 0;
}

static bool name_crosses_sets(const oj_plan *plan, const oji_link_name *name)
{
    return (name->uses & (OJI_USE_JUMP_EVEN | OJI_USE_JUMP_ODD)) && oji_link_name_is_inside(plan, name) &&
           name->definition != OJI_LINK_LINKER &&
           crosses_sets(name->uses, &plan->members[name->member].symbols[name->symbol]);
}

/* A plain GOT use reads its entry wherever the symbol is. A relaxable one (psABI, B.2) is rewritten to reach its
 * symbol directly where that is inside, and has an entry only for what may be too far. */
static bool needs_entry(uint32_t uses, bool is_inside)
{
    return (uses & OJI_USE_GOT) || ((uses & OJI_USE_GOT_RELAX) && (!is_inside || ENTRIES_FOR_ALL));
}

/* Only functions: a stub can stand for one because calling either does the same. Data would have to be copied into
 * the link (the psABI's copy relocation), which only a program's own link can do for the whole process. What is linked
 * for another architecture has addresses of another machine: what lies there in this process says nothing. */
static bool is_canonical(const oj_plan *plan, const oji_link_name *name)
{
    return name->definition == OJI_LINK_EXTERNAL && name->later == 0 && plan->arch == oji_arch_host() &&
           (name->uses & (OJI_USE_NEAR | OJI_USE_LOW2G | OJI_USE_LOW4G)) && oji_link_is_process_code(name->addr);
}

/* --- one island for all ------------------------------------------------------------------------------------------- */

/* The stubs of all names and local symbols, and the entries they jump through. First of two passes: a stub is
 * numbered like the entry it jumps through, so these entries must be the island's first. Of local symbols only
 * absolute ones lie outside the link. */
static bool add_stubs(oj_plan *plan, oji_link_island *island, uint32_t *capacity)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        name->is_canonical = is_canonical(plan, name);
        if (!name->is_canonical && !needs_stub(name->uses, oji_link_name_is_inside(plan, name)) &&
            !name_crosses_sets(plan, name))
            continue;
        name->stub = oji_link_add_entry(plan, island, capacity, name->member, name->symbol);
        if (name->stub == 0)
            return false;
    }
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t i = 0; (object->uses & OJI_USE_CALL) && i < object->first_global; i++) {
            const oji_symbol *symbol = &plan->members[m].symbols[i];
            oji_target *target = &plan->members[m].targets[i];
            if (!needs_stub(symbol->uses, oji_link_is_inside(symbol)) && !crosses_sets(symbol->uses, symbol))
                continue;
            target->stub = oji_link_add_entry(plan, island, capacity, m, i);
            if (target->stub == 0)
                return false;
        }
    }
    island->n_stubs = island->n_entries;
    return true;
}

/* The entries that are loaded from: a stub's serves, if it holds the address that the link uses. */
static bool add_entries(oj_plan *plan, oji_link_island *island, uint32_t *capacity)
{
    for (uint32_t i = 0; i < plan->n_names; i++) {
        oji_link_name *name = &plan->names[i];
        if (!needs_entry(name->uses, oji_link_name_is_inside(plan, name)))
            continue;
        name->entry = name->stub;
        if (name->entry == 0 || name->is_canonical)
            name->entry = oji_link_add_entry(plan, island, capacity, name->member, name->symbol);
        if (name->entry == 0)
            return false;
    }
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t i = 0; (object->uses & (OJI_USE_GOT | OJI_USE_GOT_RELAX)) && i < object->first_global; i++) {
            const oji_symbol *symbol = &plan->members[m].symbols[i];
            oji_target *target = &plan->members[m].targets[i];
            if (!needs_entry(symbol->uses, oji_link_is_inside(symbol)))
                continue;
            target->entry = target->stub ? target->stub : oji_link_add_entry(plan, island, capacity, m, i);
            if (target->entry == 0)
                return false;
        }
    }
    return true;
}

/* Members' symbols share the entry of their name. Needs all entries. Relocation looks at targets alone, never at
 * names: one load for each relocation. */
static void tell_targets(const oj_plan *plan)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = member->object->first_global; i < member->object->n_symbols; i++) {
            const oji_link_name *name = oji_link_name_of(plan, member, i);
            member->targets[i].entry = name ? name->entry : 0;
            member->targets[i].stub = name ? name->stub : 0;
        }
    }
}

/* Needs names; fills the one island but for its offsets, which layout sets, and the targets' entries and stubs. */
static oj_status plan_merged(oj_plan *plan, oj_error *error)
{
    oji_link_island *island = oji_arena_raw(&plan->arena, 1, sizeof *island);
    uint32_t capacity = 0;
    if (!island)
        return out_of_memory(error);
    *island = (oji_link_island){
        .member = OJI_NONE, .section = OJI_NONE, .got_segment = SEGMENT_RODATA, .stubs_segment = SEGMENT_CODE};
    plan->islands = island;
    plan->n_islands = 1;
    if (!add_stubs(plan, island, &capacity) || !add_entries(plan, island, &capacity) ||
        !oji_link_plan_loads(plan, island, &capacity) || !oji_link_tls_plan_merged(plan, island))
        return out_of_memory(error);
    tell_targets(plan);
    return OJ_OK;
}

/* --- an island for each section ----------------------------------------------------------------------------------- */

/* Is what the symbol names in the same section, wherever that is put? Common symbols, the linker's own and the stubs
 * that stand for indirect functions are in no section, so they are outside. */
static bool is_in_section(const oj_plan *plan, uint32_t member, uint32_t section, uint32_t symbol)
{
    const oji_link_name *name = oji_link_name_of(plan, &plan->members[member], symbol);
    const oji_symbol *definition = &plan->members[member].symbols[name ? name->symbol : symbol];
    if (name && ((name->definition != OJI_LINK_WEAK && name->definition != OJI_LINK_STRONG) || name->member != member))
        return false;
    return definition->section == section && definition->type != OJ_SYMBOL_IFUNC;
}

/* As needs_entry(), for one relocation: a section that is placed singly pays for its own references only, not for
 * what others do with the same symbol. */
static bool wants_entry(const oj_plan *plan, const oji_reloc *reloc, bool is_inside)
{
    return needs_entry(plan->arch->needs(reloc->kind), is_inside);
}

/* A stub is code, so only code can bring one. */
static bool wants_stub(const oj_plan *plan, const oji_link_member *member, const oji_section *section,
                       const oji_reloc *reloc, bool is_inside)
{
    uint32_t uses = plan->arch->needs(reloc->kind);
    return section->kind == OJ_SECTION_CODE &&
           (needs_stub(uses, is_inside) || crosses_sets(uses, &member->symbols[reloc->symbol]));
}

/* While an island is planned target->entry marks what it has already. Called twice, for stubs and then for loads,
 * which keeps stubs' entries first and lets a load share the entry of a stub. */
static bool add_section_entries(oj_plan *plan, oji_link_island *island, uint32_t *capacity, bool stubs)
{
    const oji_link_member *member = &plan->members[island->member];
    const oji_section *section = &member->object->sections[island->section];
    for (uint32_t i = 0; i < section->n_relocs; i++) {
        const oji_reloc *reloc = &section->relocs[i];
        oji_target *target = &member->targets[reloc->symbol];
        bool is_inside;
        if (target->entry != 0)
            continue;
        is_inside = is_in_section(plan, island->member, island->section, reloc->symbol);
        if (stubs ? !wants_stub(plan, member, section, reloc, is_inside) : !wants_entry(plan, reloc, is_inside))
            continue;
        target->entry = oji_link_add_entry(plan, island, capacity, island->member, reloc->symbol);
        if (target->entry == 0)
            return false;
    }
    return true;
}

/* Marks are taken back on failure as well: the targets belong to the member, and the next island starts from clean
 * ones. */
static bool plan_section(oj_plan *plan, oji_link_island *island, uint32_t *capacity)
{
    bool done;
    island->first_entry = plan->n_entries;
    done = add_section_entries(plan, island, capacity, true);
    island->n_stubs = island->n_entries;
    done = done && add_section_entries(plan, island, capacity, false) && oji_link_tls_plan_section(plan, island);
    oji_link_leave_island(plan, island);
    return done;
}

/* Needs names; fills islands in the order of the sections that use them, which write.c and ranges.c count on. A
 * section without entries leaves its place in the array to the next. */
static oj_status plan_singly(oj_plan *plan, oj_error *error)
{
    uint32_t capacity = 0;
    uint64_t n_sections = 0;
    for (uint32_t m = 0; m < plan->n_members; m++)
        n_sections += plan->members[m].object->n_sections;
    plan->islands = oji_arena_array(&plan->arena, n_sections, sizeof *plan->islands);
    if (!plan->islands || n_sections > UINT32_MAX)
        return out_of_memory(error);
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; i < plan->members[m].object->n_sections; i++) {
            const oji_section *section = &plan->members[m].object->sections[i];
            oji_link_island *island = &plan->islands[plan->n_islands];
            if (oji_link_kind_of(plan, section) == 0 || section->n_relocs == 0 ||
                plan->members[m].slots[i].segment == OJI_NONE)
                continue;
            *island = (oji_link_island){.member = m, .section = i};
            if (!plan_section(plan, island, &capacity))
                return out_of_memory(error);
            plan->n_islands += island->n_entries > 0 || island->n_tls_entries > 0;
        }
    return OJ_OK;
}

/* --- both --------------------------------------------------------------------------------------------------------- */

/* Islands are counted by their uses here and get their offsets from layout. */
oj_status oji_link_plan_islands(oj_plan *plan, oj_error *error)
{
    OJI_TRY(oji_link_places_singly(&plan->options) ? plan_singly(plan, error) : plan_merged(plan, error));
    OJI_TRY(oji_link_plan_ifuncs(plan, error));
    for (uint32_t i = 0; i < plan->n_islands; i++)
        plan->n_stubs += plan->islands[i].n_stubs;
    if (plan->ifuncs)
        plan->n_stubs += plan->ifuncs->n_stubs;
    return OJ_OK;
}
