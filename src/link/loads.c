/* Address computations that become loads.
 *
 * Compilers of position-independent programs expect a variable of a library to have been copied into the program by its
 * link (the psABI's copy relocation), and compute its address by a field of 32 bits. Linked code cannot have it copied
 * any more, and the library may be out of reach. But the computation of an address does what a load of that address
 * from a GOT entry does, in as many bytes: it is made one where the variable is too far away. Addresses inside a
 * variable (a vtable's first function) have an entry of their own.
 *
 * Only where sections are merged: there is one GOT then. */
#include "link/link.h"

typedef struct walk {
    oj_plan *plan;
    oji_link_member *member;
    const oji_section *section;
    uint32_t section_index;
    oji_link_island *island;
    uint32_t *capacity; /* of the plan's entries */
    oji_table by_value; /* of loads, by name and addend */
    bool has_memory;
} walk;

/* Where a function is meant its stub stands for it: see islands.c. */
static bool is_candidate(const oji_link_name *name)
{
    return name->definition == OJI_LINK_EXTERNAL && (name->uses & OJI_USE_NEAR) && !name->is_canonical;
}

static bool is_near_kind(uint32_t kind)
{
    return kind == OJI_RELOC_PC32 || kind == OJI_RELOC_PC16 || kind == OJI_RELOC_PC8;
}

static bool may_load(const walk *w, const oji_reloc *reloc)
{
    return w->section->kind == OJ_SECTION_CODE && w->plan->arch->computes_address(w->section->bytes, reloc);
}

/* One reference with no such way round it, and the name must be near: then all of them reach it. */
static void count_reference(walk *w, oji_link_name *name, uint32_t index)
{
    if (may_load(w, &w->section->relocs[index]))
        w->plan->n_loads++;
    else
        name->is_loaded = false;
}

static uint64_t hash_of(const oji_link_name *name, int64_t addend)
{
    uint64_t words[2] = {(uint64_t)(uintptr_t)name, (uint64_t)addend};
    return oji_hash((const char *)words, sizeof words);
}

/* The entry of an earlier load of the same value, or 0. */
static uint32_t find_entry(const walk *w, const oji_link_name *name, int64_t addend)
{
    const oj_plan *plan = w->plan;
    uint32_t cursor = 0, index;
    while ((index = oji_table_next(&w->by_value, hash_of(name, addend), &cursor)) != OJI_TABLE_NONE) {
        const oji_link_load *load = &plan->loads[index];
        const oji_link_member *member = &plan->members[load->member];
        const oji_reloc *reloc = &member->object->sections[load->section].relocs[load->reloc];
        if (reloc->addend == addend && oji_link_name_of(plan, member, reloc->symbol) == name)
            return load->entry;
    }
    return 0;
}

static void add_load(walk *w, oji_link_name *name, uint32_t index)
{
    oj_plan *plan = w->plan;
    const oji_reloc *reloc = &w->section->relocs[index];
    uint32_t member = (uint32_t)(w->member - plan->members), entry = find_entry(w, name, reloc->addend);
    if (!name->is_loaded || !may_load(w, reloc))
        return;
    if (entry == 0) {
        entry = oji_link_add_entry(plan, w->island, w->capacity, member, reloc->symbol);
        w->has_memory = entry != 0;
        oji_table_add(&w->by_value, hash_of(name, reloc->addend), plan->n_loads);
    }
    plan->loads[plan->n_loads++] =
        (oji_link_load){.member = member, .section = w->section_index, .reloc = index, .entry = entry};
}

static void visit_section(walk *w, void (*visit)(walk *, oji_link_name *, uint32_t))
{
    for (uint32_t i = 0; w->has_memory && i < w->section->n_relocs; i++) {
        const oji_reloc *reloc = &w->section->relocs[i];
        oji_link_name *name = is_near_kind(reloc->kind) ? oji_link_name_of(w->plan, w->member, reloc->symbol) : NULL;
        if (name && is_candidate(name))
            visit(w, name, i);
    }
}

/* In the order of members, sections and relocations, which oji_link_first_load() counts on. */
static void visit_references(walk *w, void (*visit)(walk *, oji_link_name *, uint32_t))
{
    for (uint32_t m = 0; m < w->plan->n_members; m++) {
        w->member = &w->plan->members[m];
        for (uint32_t i = 0; (w->member->object->uses & OJI_USE_NEAR) && i < w->member->object->n_sections; i++) {
            w->section_index = i;
            w->section = &w->member->object->sections[i];
            if (oji_link_kind_of(w->plan, w->section) != 0 && w->member->slots[i].segment != OJI_NONE)
                visit_section(w, visit);
        }
    }
}

/* Most links name no variable of others so, and are passed by without a look at their relocations. */
bool oji_link_plan_loads(oj_plan *plan, oji_link_island *island, uint32_t *capacity)
{
    walk w = {.plan = plan, .island = island, .capacity = capacity, .has_memory = true};
    bool has_candidates = false;
    for (uint32_t i = 0; plan->arch->computes_address && i < plan->n_names; i++) {
        plan->names[i].is_loaded = is_candidate(&plan->names[i]);
        has_candidates = has_candidates || plan->names[i].is_loaded;
    }
    if (!has_candidates)
        return true;
    visit_references(&w, count_reference);
    if (plan->n_loads == 0)
        return true;
    plan->loads = oji_arena_array(&plan->arena, plan->n_loads, sizeof *plan->loads);
    if (!plan->loads || !oji_table_init(&w.by_value, &plan->arena, plan->n_loads))
        return false;
    plan->n_loads = 0;
    visit_references(&w, add_load);
    return w.has_memory;
}

/* The first load that is in this section or a later one. */
uint32_t oji_link_first_load(const oj_plan *plan, uint32_t member, uint32_t section)
{
    uint32_t low = 0, high = plan->n_loads;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const oji_link_load *load = &plan->loads[middle];
        if (load->member < member || (load->member == member && load->section < section))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
