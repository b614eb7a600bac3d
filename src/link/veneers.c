/* Branches that do not reach across the whole of a link's code. Sections of code, in the order they are laid out, are
 * parted into stretches of at most half a branch's reach. Behind each stretch stands an island with one veneer for each
 * callee that some branch of the stretch might not reach. A veneer is a stub: it jumps through a GOT entry, which
 * reaches everything.
 *
 * Planned on a layout without islands, of which the final one differs only by having them: so two places are at most
 * the islands' size further apart. Sizes of islands are known only when it is known which callees are near; a first
 * pass takes all of them that are not of the stretch itself for far, which bounds the sizes.
 *
 * While a stretch is planned or written, the targets of its far callees have its veneers for stubs. Stubs are then all
 * numbered from the start of the code, so that those of several islands can be told apart. */
#include "link/link.h"

/* In a target's stub while its stretch is planned: no stub has so high a number. */
#define IS_LISTED (UINT32_C(1) << 31)

typedef struct survey {
    oj_plan *plan;
    uint32_t *veneers; /* by name: index + 1 of its veneer in the stretch, 0 = none */
    uint64_t code_end; /* bytes: where the stubs that all may use begin, without islands */
    uint64_t slack;    /* bytes: places that are not of one stretch may be so much further apart */
    uint32_t capacity; /* of plan->entries */
    uint32_t stretch;  /* the one that is being surveyed */
    bool is_final;     /* entries are added */
} survey;

static oj_status out_of_memory(oj_error *error)
{
    return oji_fail(error, OJ_E_NOMEM, "out of memory: planning veneers");
}

bool oji_link_ends_stretch(const oj_plan *plan, uint32_t stretch, uint32_t member, uint32_t section)
{
    return stretch < plan->n_stretches && plan->stretches[stretch].last.member == member &&
           plan->stretches[stretch].last.symbol == section;
}

static bool is_laid_code(const oj_plan *plan, uint32_t m, uint32_t i)
{
    return plan->members[m].slots[i].segment == SEGMENT_CODE;
}

/* --- stretches ---------------------------------------------------------------------------------------------------- */

static bool add_stretch(oj_plan *plan, uint64_t start)
{
    void *stretches = plan->stretches;
    if (!oji_arena_grow(&plan->arena, &stretches, plan->n_stretches, &plan->stretches_capacity,
                        sizeof *plan->stretches))
        return false;
    plan->stretches = stretches;
    plan->stretches[plan->n_stretches++] = (oji_link_stretch){
        .last = {OJI_NONE, OJI_NONE},
        .start = start,
        .island = {
            .member = OJI_NONE, .section = OJI_NONE, .got_segment = SEGMENT_RODATA, .stubs_segment = SEGMENT_CODE}};
    return true;
}

/* The last has no last section: code that lies in runs, behind all other, belongs to it. One section that is longer
 * than a stretch may be is one all the same. */
static bool part_code(oj_plan *plan)
{
    const uint64_t length = plan->arch->branch_reach / 2;
    oji_link_ref previous = {OJI_NONE, OJI_NONE};
    if (!add_stretch(plan, 0))
        return false;
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; i < plan->members[m].object->n_sections; i++) {
            const oji_link_slot *slot = &plan->members[m].slots[i];
            oji_link_stretch *stretch = &plan->stretches[plan->n_stretches - 1];
            if (!is_laid_code(plan, m, i) || slot->is_in_run)
                continue;
            if (previous.member != OJI_NONE &&
                slot->offset + plan->members[m].object->sections[i].size - stretch->start > length) {
                stretch->last = previous;
                if (!add_stretch(plan, slot->offset))
                    return false;
            }
            previous = (oji_link_ref){m, i};
        }
    return true;
}

/* --- far callees -------------------------------------------------------------------------------------------------- */

/* Offset in the code of what a branch goes to; false where that is elsewhere. Where there is a stub the branch may have
 * to go to that. */
static bool find_callee(const survey *s, const oji_link_member *member, uint32_t symbol, uint64_t *offset)
{
    const oj_plan *plan = s->plan;
    const oji_link_name *name = oji_link_name_of(plan, member, symbol);
    const oji_symbol *definition = &member->symbols[symbol];
    const oji_link_slot *slot;
    *offset = s->code_end;
    if ((member->targets[symbol].stub & ~IS_LISTED) != 0 || definition->type == OJ_SYMBOL_IFUNC)
        return true;
    if (name) {
        if (name->ifunc != 0)
            return true;
        if (name->definition != OJI_LINK_WEAK && name->definition != OJI_LINK_STRONG)
            return false;
        member = &plan->members[name->member];
        definition = &member->symbols[name->symbol];
    }
    if (!oji_link_is_inside(definition))
        return false;
    slot = &member->slots[definition->section];
    *offset = slot->offset + definition->value;
    return slot->segment == SEGMENT_CODE;
}

/* May the branch at `site` fail to reach its symbol? Between places of one stretch stands no island. */
static bool is_far(const survey *s, const oji_link_member *member, uint32_t symbol, uint64_t site, uint64_t end)
{
    const oji_link_stretch *stretch = &s->plan->stretches[s->stretch];
    uint64_t callee, distance;
    if (!find_callee(s, member, symbol, &callee))
        return true;
    distance = callee > site ? callee - site : site - callee;
    if (callee >= stretch->start && callee < end)
        return distance > s->plan->arch->branch_reach;
    return distance + s->slack > s->plan->arch->branch_reach;
}

/* A veneer of the stretch for the symbol: that of its name where there is one already. False where memory ends. */
static bool add_far(survey *s, oji_link_stretch *stretch, uint32_t m, uint32_t symbol)
{
    oj_plan *plan = s->plan;
    const oji_link_name *name = oji_link_name_of(plan, &plan->members[m], symbol);
    uint32_t *known = name ? &s->veneers[name - plan->names] : NULL;
    uint32_t veneer = known ? *known : 0;
    void *branches = plan->branches, *entries = plan->entries;
    if (!oji_arena_grow(&plan->arena, &branches, plan->n_branches, &plan->branches_capacity, sizeof *plan->branches))
        return false;
    plan->branches = branches;
    if (veneer == 0) {
        if (s->is_final) {
            if (!oji_arena_grow(&plan->arena, &entries, plan->n_entries, &s->capacity, sizeof *plan->entries))
                return false;
            plan->entries = entries;
            plan->entries[plan->n_entries++] = (oji_link_ref){m, symbol};
        }
        veneer = ++stretch->island.n_entries;
    }
    if (known)
        *known = veneer;
    plan->branches[plan->n_branches++] = (oji_link_branch){.member = m, .symbol = symbol, .stub = veneer};
    plan->members[m].targets[symbol].stub |= IS_LISTED;
    return true;
}

static bool survey_section(survey *s, oji_link_stretch *stretch, uint32_t m, uint32_t i, uint64_t end)
{
    const oji_link_member *member = &s->plan->members[m];
    const oji_section *section = &member->object->sections[i];
    for (uint32_t k = 0; k < section->n_relocs; k++) {
        const oji_reloc *reloc = &section->relocs[k];
        if (!(s->plan->arch->needs(reloc->kind) & OJI_USE_CALL) || (member->targets[reloc->symbol].stub & IS_LISTED) ||
            !is_far(s, member, reloc->symbol, (uint64_t)member->slots[i].offset + reloc->offset, end))
            continue;
        if (!add_far(s, stretch, m, reloc->symbol))
            return false;
    }
    return true;
}

static void begin_stretch(survey *s, uint32_t index)
{
    oji_link_stretch *stretch = &s->plan->stretches[index];
    s->stretch = index;
    stretch->first_branch = s->plan->n_branches;
    stretch->island.first_entry = s->plan->n_entries;
    stretch->island.n_entries = 0;
}

static void end_stretch(survey *s, uint32_t index)
{
    oji_link_stretch *stretch = &s->plan->stretches[index];
    stretch->n_branches = s->plan->n_branches - stretch->first_branch;
    stretch->island.n_stubs = stretch->island.n_entries;
    for (uint32_t i = 0; i < stretch->n_branches; i++) {
        const oji_link_branch *branch = &s->plan->branches[stretch->first_branch + i];
        const oji_link_name *name = oji_link_name_of(s->plan, &s->plan->members[branch->member], branch->symbol);
        s->plan->members[branch->member].targets[branch->symbol].stub &= ~IS_LISTED;
        if (name)
            s->veneers[name - s->plan->names] = 0;
    }
}

static uint64_t end_of(const survey *s, uint32_t index)
{
    return index + 1 < s->plan->n_stretches ? s->plan->stretches[index + 1].start : s->code_end;
}

/* The code in runs comes after all other, and belongs to the last stretch. Marks are taken back where memory ends too:
 * the targets are not this pass's own. */
static bool survey_code(survey *s)
{
    const oj_plan *plan = s->plan;
    uint32_t index = 0;
    bool done = true;
    s->plan->n_branches = 0;
    begin_stretch(s, 0);
    for (int in_runs = 0; in_runs < 2; in_runs++)
        for (uint32_t m = 0; m < plan->n_members; m++)
            for (uint32_t i = 0; done && i < plan->members[m].object->n_sections; i++) {
                if (!is_laid_code(plan, m, i) || plan->members[m].slots[i].is_in_run != in_runs)
                    continue;
                done = survey_section(s, &plan->stretches[index], m, i, end_of(s, index));
                if (done && in_runs == 0 && oji_link_ends_stretch(plan, index, m, i)) {
                    end_stretch(s, index);
                    begin_stretch(s, ++index);
                }
            }
    end_stretch(s, index);
    return done;
}

/* --- the plan ----------------------------------------------------------------------------------------------------- */

/* What islands can move a place by: each its size, and what aligning the next section adds. */
static uint64_t total_size(const oj_plan *plan)
{
    uint64_t total = 0, size;
    for (uint32_t i = 0; i < plan->n_stretches; i++) {
        size = (uint64_t)plan->stretches[i].island.n_stubs * plan->arch->stub_size;
        total += size + plan->arch->stub_size + plan->segments[SEGMENT_CODE].alignment;
    }
    return total;
}

bool oji_link_needs_veneers(const oj_plan *plan)
{
    return plan->arch->branch_reach != 0 && !oji_link_places_singly(&plan->options) &&
           plan->segments[SEGMENT_CODE].size > plan->arch->branch_reach;
}

oj_status oji_link_plan_veneers(oj_plan *plan, oj_error *error)
{
    survey s = {.plan = plan, .code_end = plan->segments[SEGMENT_CODE].size, .slack = UINT64_C(1) << 40};
    s.veneers = oji_arena_array(&plan->arena, plan->n_names + UINT64_C(1), sizeof *s.veneers);
    if (!s.veneers || !part_code(plan))
        return out_of_memory(error);
    memset(s.veneers, 0, ((size_t)plan->n_names + 1) * sizeof *s.veneers);
    if (!survey_code(&s))
        return out_of_memory(error);
    s.slack = total_size(plan);
    s.is_final = true;
    s.capacity = plan->n_entries;
    if (!survey_code(&s))
        return out_of_memory(error);
    for (uint32_t i = 0; i < plan->n_stretches; i++)
        plan->n_veneers += plan->stretches[i].island.n_stubs;
    return OJ_OK;
}

/* Needs final offsets. Thread-local symbols, whose stub is something else, are never called. */
void oji_link_number_stubs(oj_plan *plan)
{
    const uint32_t first = plan->islands[0].stubs_off / plan->arch->stub_size;
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = 0; i < member->object->n_symbols; i++) {
            const oji_link_name *name = oji_link_name_of(plan, member, i);
            if (member->targets[i].stub != 0 && ((name ? name->uses : member->symbols[i].uses) & OJI_USE_CALL))
                member->targets[i].stub += first;
        }
    }
}

void oji_link_enter_stretch(oj_plan *plan, uint32_t index)
{
    const oji_link_stretch *stretch = &plan->stretches[index];
    const uint32_t first = stretch->island.stubs_off / plan->arch->stub_size;
    for (uint32_t i = 0; i < stretch->n_branches; i++) {
        oji_link_branch *branch = &plan->branches[stretch->first_branch + i];
        oji_target *target = &plan->members[branch->member].targets[branch->symbol];
        branch->old = target->stub;
        target->stub = first + branch->stub;
    }
}

void oji_link_leave_stretch(oj_plan *plan, uint32_t index)
{
    const oji_link_stretch *stretch = &plan->stretches[index];
    for (uint32_t i = 0; i < stretch->n_branches; i++) {
        const oji_link_branch *branch = &plan->branches[stretch->first_branch + i];
        plan->members[branch->member].targets[branch->symbol].stub = branch->old;
    }
}
