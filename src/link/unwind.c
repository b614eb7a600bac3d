/* The unwind tables of a link: read while they can be, and registered when the code is published.
 *
 * They are read where they were written, after relocation and before the memory's write view ends: run addresses may be
 * another process's, or not readable yet. What is kept lies in the plan's arena. */
#include "code/unwind.h"
#include "link/link.h"

#include <stdlib.h>

struct oji_link_unwind {
    oji_unwind_tables tables;
    oji_eh_cie *cies;
    oji_eh_fde *fdes;
    uint8_t *bytes; /* copies of all sections */
    uint32_t cies_capacity;
    uint32_t fdes_capacity;
    bool is_in_order;    /* FDEs ascend, and none overlaps the one before */
    oji_eh_cie first[1]; /* objects rarely have more */
    oji_unwind_range ranges[];
};

/* Sections are looked at from the object's first_unwind up to here. */
static uint32_t tables_end(const oj_plan *plan, const oj_object *object)
{
    return plan->options.flags & OJ_LINK_NO_UNWIND ? 0 : object->unwind_end;
}

typedef enum table_state { NO_TABLE, PLACED, ASIDE } table_state;

static table_state state_of(const oj_plan *plan, uint32_t member, uint32_t index)
{
    const oji_section *section = &plan->members[member].object->sections[index];
    const oji_link_slot *slot = &plan->members[member].slots[index];
    if (section->kind != OJ_SECTION_UNWIND || (section->flags & OJI_SECTION_INDEX) || section->size == 0)
        return NO_TABLE;
    if (slot->segment != OJI_NONE)
        return PLACED;
    return slot->offset == OJI_ASIDE ? ASIDE : NO_TABLE;
}

/* A section of some size is in a segment that was asked for. */
static const oj_segment *request_of(const oj_plan *plan, const oji_link_slot *slot)
{
    return &plan->requests[plan->segments[slot->segment].request];
}

static bool is_registered(const oj_plan *plan)
{
    return !(plan->options.flags & OJ_LINK_UNWIND_BY_CLIENT) && plan->arch == oji_arch_host();
}

/* Does some code or data of the link refer to its tables? */
static bool is_referred_to(const oj_plan *plan)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t i = 0; object->unwind_end > 0 && i < object->n_symbols; i++) {
            const oji_symbol *symbol = &plan->members[m].symbols[i];
            if ((symbol->uses & OJI_USE_REFERENCED) && oji_link_is_inside(symbol) &&
                object->sections[symbol->section].kind == OJ_SECTION_UNWIND)
                return true;
        }
    }
    return false;
}

/* What the unwinder is told is written anew: the objects' own tables are of use to nobody, unless they are asked
 * for. */
bool oji_link_puts_unwind_aside(const oj_plan *plan)
{
    bool is_published = plan->is_once || (plan->options.flags & OJ_LINK_OMIT_UNWIND);
    return is_published && is_registered(plan) && !(plan->options.flags & OJ_LINK_KEEP_UNWIND) &&
           !oji_link_places_singly(&plan->options) && !is_referred_to(plan);
}

/* Below all that the link has, where there is room for it, else above. A field that counts from its own place is zero
 * only where it says that there is nothing (LSB, "Exception Frames"): nothing may be where it stands. */
uint64_t oji_link_aside_addr(const oj_plan *plan, uint64_t size)
{
    uint64_t low = UINT64_MAX, high = 0;
    for (uint32_t i = 0; i < plan->n_requests; i++) {
        const oj_segment *request = &plan->requests[i];
        low = request->run_addr < low ? request->run_addr : low;
        high = request->run_addr + request->size > high ? request->run_addr + request->size : high;
    }
    return low > size ? (low - size) & ~UINT64_C(7) : (high + 7) & ~UINT64_C(7);
}

/* A link of no bytes is not read: its tables are for no code. */
uint32_t oji_link_count_unwind(const oj_plan *plan)
{
    uint32_t n = 0;
    bool is_read = false;
    for (uint32_t m = 0; plan->n_requests > 0 && m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t i = object->first_unwind; i < tables_end(plan, object); i++) {
            table_state state = state_of(plan, m, i);
            n += state == PLACED;
            is_read = is_read || state != NO_TABLE;
        }
    }
    return n + (is_read && is_registered(plan));
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static oj_status fail_nomem(oj_error *error) { return oji_fail(error, OJ_E_NOMEM, "out of memory: unwind tables"); }

static int compare_ranges(const void *a, const void *b)
{
    const oji_unwind_range *x = a, *y = b;
    return (x->addr > y->addr) - (x->addr < y->addr);
}

static int compare_fdes(const void *a, const void *b)
{
    const oji_eh_fde *x = a, *y = b;
    return (x->addr > y->addr) - (x->addr < y->addr);
}

/* Room for so many more: exactly that for a first table, and doubled where further ones follow. */
static bool reserve_fdes(oj_plan *plan, uint32_t n)
{
    oji_link_unwind *unwind = plan->unwind;
    uint32_t n_fdes = unwind->tables.n_fdes;
    uint64_t capacity = (uint64_t)n_fdes + n, doubled = (uint64_t)unwind->fdes_capacity * 2;
    oji_eh_fde *fdes;
    if (capacity <= unwind->fdes_capacity)
        return true;
    capacity = capacity < doubled ? doubled : capacity;
    fdes = capacity <= UINT32_MAX / 2 ? oji_arena_raw(&plan->arena, capacity, sizeof *fdes) : NULL;
    if (!fdes)
        return false;
    if (n_fdes > 0)
        memcpy(fdes, unwind->fdes, n_fdes * sizeof *fdes);
    unwind->fdes = fdes;
    unwind->fdes_capacity = (uint32_t)capacity;
    return true;
}

static uint64_t size_of_tables(const oj_plan *plan)
{
    uint64_t size = 0;
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t i = object->first_unwind; i < tables_end(plan, object); i++)
            size += state_of(plan, m, i) != NO_TABLE ? object->sections[i].size : 0;
    }
    return size;
}

/* None where there are no tables. A plan may be linked again: the room of the first time is large enough. */
static bool make_room(oj_plan *plan)
{
    uint64_t size = plan->unwind ? 0 : size_of_tables(plan);
    oji_link_unwind *unwind;
    if (size == 0)
        return true;
    unwind = oji_arena_raw(&plan->arena, 1, sizeof *unwind + plan->n_requests * sizeof unwind->ranges[0]);
    if (!unwind)
        return false;
    memset(unwind, 0, sizeof *unwind);
    unwind->cies = unwind->first;
    unwind->cies_capacity = OJI_COUNT(unwind->first);
    unwind->bytes = oji_arena_raw(&plan->arena, size, 1);
    plan->unwind = unwind->bytes ? unwind : NULL;
    return unwind->bytes != NULL;
}

static void list_code(const oj_plan *plan, oji_link_unwind *unwind)
{
    oji_unwind_tables *tables = &unwind->tables;
    tables->ranges = unwind->ranges;
    tables->n_ranges = 0;
    for (uint32_t i = 0; i < plan->n_requests; i++)
        if (plan->requests[i].kind == OJ_SEGMENT_CODE)
            unwind->ranges[tables->n_ranges++] = (oji_unwind_range){plan->requests[i].run_addr, plan->requests[i].size,
                                                                    (plan->requests[i].flags & OJ_SEGMENT_SHARED) != 0};
    if (tables->n_ranges > 1)
        qsort(unwind->ranges, tables->n_ranges, sizeof *unwind->ranges, compare_ranges);
}

/* Unwinders would follow the pointer at each frame: it is read here where it is part of the link, as compilers have it
 * (DW.ref.__gxx_personality_v0). */
static void resolve_personality(const oj_plan *plan, oji_eh_cie *cie)
{
    for (uint32_t i = 0; cie->is_indirect && i < plan->n_requests; i++) {
        const oj_segment *request = &plan->requests[i];
        uint64_t offset = cie->personality - request->run_addr;
        if (offset < request->size && request->size - offset >= plan->arch->got_entry_size) {
            const uint8_t *pointer = (const uint8_t *)request->write + offset;
            cie->personality = oji_arch_load_word(plan->arch, pointer);
            cie->is_indirect = false;
        }
    }
}

/* Entries for what is not this link's code describe nothing that runs: a hostile table could else take the place of
 * another's. The last range that does not begin behind the function is the one it can be in. */
static bool is_in_code(const oji_unwind_tables *tables, const oji_eh_fde *fde)
{
    uint32_t low = 0, high = tables->n_ranges;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tables->ranges[middle].addr <= fde->addr)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    uint64_t offset = fde->addr - tables->ranges[low - 1].addr, size = tables->ranges[low - 1].size;
    return offset < size && fde->size <= size - offset;
}

static bool keep_cie(oj_plan *plan, const oji_eh_cie *cie)
{
    oji_link_unwind *unwind = plan->unwind;
    uint32_t n = unwind->tables.n_cies;
    void *cies = unwind->cies;
    if (!oji_arena_grow(&plan->arena, &cies, n, &unwind->cies_capacity, sizeof *unwind->cies))
        return false;
    unwind->cies = cies;
    unwind->cies[n] = *cie;
    resolve_personality(plan, &unwind->cies[n]);
    unwind->tables.n_cies = n + 1;
    return true;
}

static oj_status fail_bad(const oj_object *object, const char *section, const oji_eh_reader *reader, oj_error *error)
{
    const oji_place place = {.object = object->name, .section = section, .offset = reader->failed_at};
    return oji_fail_at(error, reader->is_unsupported ? OJ_E_UNSUPPORTED : OJ_E_MALFORMED, &place,
                       "%s, %s+0x%llx: the unwind entry cannot be used: %s", object->name, section,
                       (unsigned long long)reader->failed_at, reader->reason);
}

/* Bytes are copied first: what is checked and what is used must be the same. A table that is not placed is relocated
 * as if it stood near the link, which its fields must reach. */
static oj_status copy_table(oj_plan *plan, uint32_t member, uint32_t index, uint8_t *copy, uint64_t *run_addr,
                            oj_error *error)
{
    const oji_section *section = &plan->members[member].object->sections[index];
    const oji_link_slot *slot = &plan->members[member].slots[index];
    if (slot->segment == OJI_NONE) {
        *run_addr = oji_link_aside_addr(plan, section->size);
        memcpy(copy, section->bytes, (size_t)section->size);
        return oji_link_relocate_aside(plan, member, index, copy, *run_addr, error);
    }
    *run_addr = request_of(plan, slot)->run_addr + slot->offset;
    memcpy(copy, (const uint8_t *)request_of(plan, slot)->write + slot->offset, (size_t)section->size);
    return OJ_OK;
}

/* The FDE behind the last one stays. */
static void keep_fde(oji_link_unwind *unwind)
{
    oji_unwind_tables *tables = &unwind->tables;
    oji_eh_fde *fde = &unwind->fdes[tables->n_fdes];
    fde->cie = tables->n_cies - 1;
    if (tables->n_fdes > 0 && (fde->addr < fde[-1].addr || fde->addr - fde[-1].addr < fde[-1].size))
        unwind->is_in_order = false;
    tables->n_fdes++;
}

/* Each FDE is read where it will stay, and mostly has a relocation. */
static oj_status read_table(oj_plan *plan, uint32_t member, uint32_t index, uint8_t *copy, oj_error *error)
{
    const oj_object *object = plan->members[member].object;
    const oji_section *section = &object->sections[index];
    oji_link_unwind *unwind = plan->unwind;
    oji_unwind_tables *tables = &unwind->tables;
    oji_eh_cie cie = {.offset = UINT64_MAX};
    oji_eh_reader reader = {.bytes = {copy, section->size},
                            .is_32 = plan->arch->address_bits == 32,
                            .n_registers = plan->arch->unwind_registers};
    uint64_t kept_cie = UINT64_MAX;
    oji_eh_step step;
    OJI_TRY(copy_table(plan, member, index, copy, &reader.run_addr, error));
    if (!reserve_fdes(plan, section->n_relocs + 1))
        return fail_nomem(error);
    while ((step = oji_eh_next(&reader, &cie, &unwind->fdes[tables->n_fdes])) == OJI_EH_FDE) {
        if (!is_in_code(tables, &unwind->fdes[tables->n_fdes]))
            continue;
        if (kept_cie != cie.offset && !keep_cie(plan, &cie))
            return fail_nomem(error);
        kept_cie = cie.offset;
        keep_fde(unwind);
        if (tables->n_fdes == unwind->fdes_capacity && !reserve_fdes(plan, 1))
            return fail_nomem(error);
    }
    return step == OJI_EH_END ? OJ_OK : fail_bad(object, section->name, &reader, error);
}

static uint32_t leave_overlaps_out(oji_eh_fde *fdes, uint32_t n_fdes)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_fdes; i++)
        if (n == 0 || fdes[i].addr - fdes[n - 1].addr >= fdes[n - 1].size)
            fdes[n++] = fdes[i];
    return n;
}

/* Of entries that overlap the first counts: shared definitions may bring theirs twice. */
static void order_fdes(oji_link_unwind *unwind)
{
    oji_unwind_tables *tables = &unwind->tables;
    if (!unwind->is_in_order) {
        qsort(unwind->fdes, tables->n_fdes, sizeof *unwind->fdes, compare_fdes);
        tables->n_fdes = leave_overlaps_out(unwind->fdes, tables->n_fdes);
    }
    tables->fdes = unwind->fdes;
    tables->cies = unwind->cies;
}

oj_status oji_link_read_unwind(oj_plan *plan, oj_error *error)
{
    uint8_t *copy;
    if (!is_registered(plan))
        return OJ_OK;
    if (!make_room(plan))
        return fail_nomem(error);
    if (!plan->unwind)
        return OJ_OK;
    list_code(plan, plan->unwind);
    plan->unwind->tables.n_cies = plan->unwind->tables.n_fdes = 0;
    plan->unwind->is_in_order = true;
    copy = plan->unwind->bytes;
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t i = object->first_unwind; i < tables_end(plan, object); i++) {
            if (state_of(plan, m, i) == NO_TABLE)
                continue;
            OJI_TRY(read_table(plan, m, i, copy, error));
            copy += object->sections[i].size;
        }
    }
    order_fdes(plan->unwind);
    return OJ_OK;
}

/* --- registering -------------------------------------------------------------------------------------------------- */

/* The record of what is registered, and one for each table, which says where it is. Code whose addresses were chosen by
 * hand is not there yet: its client tells of it. */
oj_status oji_link_attach_unwind(const oj_plan *plan, const oj_code *code, oj_record *records, oj_error *error)
{
    oj_record *record = records;
    if (is_registered(plan) && code->memory)
        OJI_TRY(oji_unwind_add(&plan->unwind->tables, record, error));
    record += record->data != NULL;
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t i = object->first_unwind; i < tables_end(plan, object); i++) {
            const oji_link_slot *slot = &plan->members[m].slots[i];
            if (state_of(plan, m, i) != PLACED)
                continue;
            record->kind = OJ_RECORD_UNWIND;
            record->addr = request_of(plan, slot)->run_addr + slot->offset;
            record->size = object->sections[i].size;
            record++;
        }
    }
    return OJ_OK;
}
