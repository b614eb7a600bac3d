/* The entries of an island, and the targets that know them. */
#include "link/link.h"

uint32_t oji_link_add_entry(oj_plan *plan, oji_link_island *island, uint32_t *capacity, uint32_t member,
                            uint32_t symbol)
{
    void *entries = plan->entries;
    if (!oji_arena_grow(&plan->arena, &entries, plan->n_entries, capacity, sizeof *plan->entries))
        return 0;
    plan->entries = entries;
    plan->entries[plan->n_entries++] = (oji_link_ref){.member = member, .symbol = symbol};
    return ++island->n_entries;
}

/* Gives a member's targets the numbers of one island. At most one island is entered at a time: numbers of two would
 * name entries of the wrong one. */
void oji_link_enter_island(oj_plan *plan, const oji_link_island *island)
{
    for (uint32_t i = 0; i < island->n_entries; i++) {
        oji_link_ref ref = plan->entries[island->first_entry + i];
        plan->members[ref.member].targets[ref.symbol].entry = i + 1;
        plan->members[ref.member].targets[ref.symbol].stub = i < island->n_stubs ? i + 1 : 0;
    }
    oji_link_tls_enter_island(plan, island);
}

void oji_link_leave_island(oj_plan *plan, const oji_link_island *island)
{
    for (uint32_t i = 0; i < island->n_entries; i++) {
        oji_link_ref ref = plan->entries[island->first_entry + i];
        plan->members[ref.member].targets[ref.symbol].entry = 0;
        plan->members[ref.member].targets[ref.symbol].stub = 0;
    }
    oji_link_tls_leave_island(plan, island);
}
