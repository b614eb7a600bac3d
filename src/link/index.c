/* The index of unwind entries, of architectures whose unwinders search one: where its sections lie, what the linker
 * adds, and who is told.
 *
 * An entry is for all code from its function on to the next entry's. So the sections stand in the order of the code
 * they are linked to, and where code follows that has no entries, or nothing at all, an entry of the linker's says that
 * nothing is known of it. Where sections are placed singly nobody knows their order: each table then is for its own
 * section.
 * Source: EHABI32 (Exception Handling ABI for the Arm Architecture), 5 and 8; AAELF32, 4.3.5 (SHF_LINK_ORDER). */
#include "code/index.h"
#include "link/link.h"

/* Bytes. Between entries there is nothing: a gap would be read as one. */
enum { ENTRY_SIZE = 8, ENTRY_ALIGNMENT = 4 };

static bool is_index(const oji_section *section)
{
    return (section->flags & OJI_SECTION_INDEX) != 0 && section->size > 0;
}

/* Empty code has no place of its own, and what is said of it would be said of its neighbour. */
void oji_link_leave_indexes_out(oj_plan *plan)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        const oji_section *sections = member->object->sections;
        for (uint32_t i = 0; member->object->has_index && i < member->object->n_sections; i++)
            if (is_index(&sections[i]) &&
                (member->slots[sections[i].order].segment == OJI_NONE || sections[sections[i].order].size == 0))
                member->slots[i].segment = OJI_NONE;
    }
}

/* Room for all that laying it out, once or again, takes. Needs the runs' sections. What a resolver of the process may
 * still bring is code, too: see oji_link_add_runtime(). */
bool oji_link_prepare_index(oj_plan *plan)
{
    const oji_link_run *run = &plan->runs[OJI_RUN_INDEX];
    uint64_t n_sections = run->n_sections, n_code = 0;
    if (n_sections == 0)
        return true;
    for (uint32_t m = 0; m < plan->n_members; m++)
        n_code += plan->members[m].object->n_sections;
    for (const oj_object *const *object = plan->arch->runtime; object && *object; object++)
        n_code += (*object)->n_sections;
    plan->index = oji_arena_array(&plan->arena, 1, sizeof *plan->index);
    if (!plan->index)
        return false;
    plan->index->keys = oji_arena_array(&plan->arena, (n_sections + n_code) * 2, sizeof *plan->index->keys);
    plan->index->refs = oji_arena_array(&plan->arena, n_sections, sizeof *plan->index->refs);
    plan->index->gaps = oji_arena_array(&plan->arena, n_sections, sizeof *plan->index->gaps);
    return plan->index->keys && plan->index->refs && plan->index->gaps;
}

/* --- layout ------------------------------------------------------------------------------------------------------- */

static const oji_link_slot *code_of(const oj_plan *plan, oji_link_ref index)
{
    const oji_link_member *member = &plan->members[index.member];
    return &member->slots[member->object->sections[index.symbol].order];
}

/* By the code they are linked to; of several for one section the order of members and sections stays. */
static void sort_sections(const oj_plan *plan, const oji_link_run *run)
{
    oji_link_ref *refs = plan->run_sections + run->first;
    uint64_t *keys = plan->index->keys;
    oji_link_ref *copy = plan->index->refs;
    for (uint32_t i = 0; i < run->n_sections; i++) {
        keys[i] = (uint64_t)code_of(plan, refs[i])->offset << 32 | i;
        copy[i] = refs[i];
    }
    oji_link_sort_keys(keys, keys + run->n_sections, run->n_sections);
    for (uint32_t i = 0; i < run->n_sections; i++)
        refs[i] = copy[(uint32_t)keys[i]];
}

static bool is_code(const oji_link_member *member, uint32_t section)
{
    return member->object->sections[section].kind == OJ_SECTION_CODE &&
           member->slots[section].segment == SEGMENT_CODE && member->object->sections[section].size > 0;
}

/* All sections of code: their offsets, ascending, each above its size. Returns their number. */
static uint32_t sort_code(const oj_plan *plan, uint64_t *keys)
{
    uint32_t n = 0;
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; i < plan->members[m].object->n_sections; i++)
            if (is_code(&plan->members[m], i))
                keys[n++] = (uint64_t)plan->members[m].slots[i].offset << 32 |
                            (uint32_t)plan->members[m].object->sections[i].size;
    oji_link_sort_keys(keys, keys + n, n);
    return n;
}

static bool append_section(oj_plan *plan, const oji_link_run *run, oji_link_ref ref, uint32_t *offset)
{
    const oji_section *section = &plan->members[ref.member].object->sections[ref.symbol];
    oji_link_slot *slot = &plan->members[ref.member].slots[ref.symbol];
    if (!oji_link_append(plan, run->segment, section->size, ENTRY_ALIGNMENT, offset))
        return false;
    slot->segment = run->segment;
    slot->offset = *offset & INT32_MAX;
    plan->stats.n_sections++;
    return true;
}

static bool append_gap(oj_plan *plan, const oji_link_run *run, uint32_t code_off)
{
    oji_link_gap *gap = &plan->index->gaps[plan->index->n_gaps++];
    gap->code_off = code_off;
    return oji_link_append(plan, run->segment, ENTRY_SIZE, ENTRY_ALIGNMENT, &gap->offset);
}

/* Entries of the linker's stand at the end of the code that has entries, as GNU ld puts them. */
static bool lay_entries(oj_plan *plan, oji_link_run *run, const uint64_t *code, uint32_t n_code)
{
    uint32_t next = 0, end = 0, offset;
    for (uint32_t i = 0; i < n_code; i++) {
        uint32_t start = (uint32_t)(code[i] >> 32), first = next;
        for (; next < run->n_sections; next++) {
            oji_link_ref ref = plan->run_sections[run->first + next];
            if (code_of(plan, ref)->offset != start)
                break;
            if (!append_section(plan, run, ref, &offset))
                return false;
            if (next == 0)
                run->offset = offset;
        }
        if (next == first && end != 0 && !append_gap(plan, run, end))
            return false;
        end = next == first ? 0 : start + (uint32_t)code[i];
    }
    OJI_ASSERT(next == run->n_sections);
    return end == 0 || append_gap(plan, run, end);
}

bool oji_link_lay_index(oj_plan *plan)
{
    oji_link_run *run = &plan->runs[OJI_RUN_INDEX];
    uint64_t *code = plan->index ? plan->index->keys + (uint64_t)run->n_sections * 2 : NULL;
    if (!code)
        return true;
    plan->index->n_gaps = 0;
    sort_sections(plan, run);
    if (!lay_entries(plan, run, code, sort_code(plan, code)))
        return false;
    run->size = (uint32_t)plan->segments[run->segment].size - run->offset;
    return true;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

oj_status oji_link_write_gaps(const oj_plan *plan, oj_error *error)
{
    const oji_link_run *run = &plan->runs[OJI_RUN_INDEX];
    for (uint32_t i = 0; i < plan->index->n_gaps; i++) {
        const oji_link_gap *gap = &plan->index->gaps[i];
        uint64_t entry = oji_link_run_addr(plan, run->segment) + gap->offset;
        uint64_t code = oji_link_run_addr(plan, SEGMENT_CODE) + gap->code_off;
        if (!plan->arch->write_index_end(oji_link_write_at(plan, run->segment, gap->offset), entry, code))
            return oji_fail(error, OJ_E_RANGE, "an unwind entry at 0x%llx cannot reach its code at 0x%llx",
                            (unsigned long long)entry, (unsigned long long)code);
    }
    return OJ_OK;
}

/* The process's unwinder is told of what runs in it. */
static bool is_registered(const oj_plan *plan)
{
    return !(plan->options.flags & OJ_LINK_UNWIND_BY_CLIENT) && plan->arch == oji_arch_host();
}

static bool is_taken(const oj_plan *plan, uint32_t member, uint32_t section)
{
    return is_index(&plan->members[member].object->sections[section]) &&
           plan->members[member].slots[section].segment != OJI_NONE;
}

static oj_status fail_entry(const oj_object *object, const oji_section *section, uint64_t offset, oj_error *error)
{
    const oji_place place = {.object = object->name, .section = section->name, .offset = offset};
    return oji_fail_at(
        error, OJ_E_MALFORMED, &place,
        "%s, %s+0x%llx: the unwind entry cannot be used: it is not for the code that the section is linked "
        "to, or not in its order",
        object->name, section->name, (unsigned long long)offset);
}

/* Unwinders bisect the index, of whatever processor: an entry out of order would hide those of others. */
static oj_status check_section(const oj_plan *plan, uint32_t member, uint32_t index, oj_error *error)
{
    const oji_link_member *m = &plan->members[member];
    const oji_section *section = &m->object->sections[index], *code = &m->object->sections[section->order];
    const oji_link_slot *slot = &m->slots[index], *code_slot = &m->slots[section->order];
    const uint8_t *bytes = oji_link_write_at(plan, slot->segment, slot->offset);
    uint64_t addr = oji_link_run_addr(plan, slot->segment) + slot->offset, before = 0;
    uint64_t code_addr = oji_link_run_addr(plan, code_slot->segment) + code_slot->offset;
    for (uint64_t offset = 0; offset < section->size; offset += ENTRY_SIZE) {
        uint64_t at = plan->arch->index_function(bytes + offset, addr + offset) - code_addr;
        if (at >= code->size || at < before)
            return fail_entry(m->object, section, offset, error);
        before = at;
    }
    return OJ_OK;
}

oj_status oji_link_check_index(const oj_plan *plan, oj_error *error)
{
    for (uint32_t m = 0; !(plan->options.flags & OJ_LINK_UNWIND_BY_CLIENT) && m < plan->n_members; m++)
        for (uint32_t i = 0; plan->members[m].object->has_index && i < plan->members[m].object->n_sections; i++)
            if (is_taken(plan, m, i))
                OJI_TRY(check_section(plan, m, i, error));
    return OJ_OK;
}

/* --- registering -------------------------------------------------------------------------------------------------- */

uint32_t oji_link_count_index(const oj_plan *plan)
{
    uint32_t n = 0;
    if (!oji_link_places_singly(&plan->options))
        return plan->n_runs > 0 && plan->runs[OJI_RUN_INDEX].n_sections > 0;
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; plan->members[m].object->has_index && i < plan->members[m].object->n_sections; i++)
            n += is_taken(plan, m, i);
    return n;
}

static oj_status attach_table(const oj_plan *plan, const oj_code *code, const oji_index_table *table, oj_record *record,
                              oj_error *error)
{
    if (is_registered(plan) && code->memory)
        OJI_TRY(oji_index_add(table, &record->data, error));
    record->kind = OJ_RECORD_INDEX;
    record->addr = table->addr;
    record->size = table->size;
    return OJ_OK;
}

/* All code is in one segment, from which stubs are called too: nothing is known of them. */
static oj_status attach_merged(const oj_plan *plan, const oj_code *code, oj_record *record, oj_error *error)
{
    const oji_link_run *run = &plan->runs[OJI_RUN_INDEX];
    const oji_index_table table = {.code_addr = oji_link_run_addr(plan, SEGMENT_CODE),
                                   .code_size = plan->segments[SEGMENT_CODE].size,
                                   .addr = oji_link_run_addr(plan, run->segment) + run->offset,
                                   .size = run->size};
    return attach_table(plan, code, &table, record, error);
}

static void undo(const oj_record *first, const oj_record *record)
{
    while (record-- > first)
        oji_index_registry.undo(record);
}

static oj_status attach_singly(const oj_plan *plan, const oj_code *code, oj_record *first, oj_error *error)
{
    oj_record *record = first;
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; plan->members[m].object->has_index && i < plan->members[m].object->n_sections; i++) {
            const oji_section *sections = plan->members[m].object->sections;
            const oji_link_slot *slot = &plan->members[m].slots[i];
            const oji_link_slot *code_slot = &plan->members[m].slots[sections[i].order];
            oj_status status;
            if (!is_taken(plan, m, i))
                continue;
            const oji_index_table table = {.code_addr = oji_link_run_addr(plan, code_slot->segment) + code_slot->offset,
                                           .code_size = sections[sections[i].order].size,
                                           .addr = oji_link_run_addr(plan, slot->segment) + slot->offset,
                                           .size = (uint32_t)sections[i].size};
            status = attach_table(plan, code, &table, record, error);
            if (status != OJ_OK) {
                undo(first, record);
                return status;
            }
            record++;
        }
    return OJ_OK;
}

oj_status oji_link_attach_index(const oj_plan *plan, const oj_code *code, oj_record *records, oj_error *error)
{
    if (oji_link_places_singly(&plan->options))
        return attach_singly(plan, code, records, error);
    return attach_merged(plan, code, records, error);
}
