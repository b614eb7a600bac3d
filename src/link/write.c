/* From a plan to code: place, copy, relocate, publish, hand out. Everything that needs heap is allocated before memory
 * is asked for, so that after the last relocation nothing but a callback or the system can fail. */
#include "link/link.h"

/* One attempt at a placement. */
typedef struct attempt {
    oj_plan *plan;
    oj_placement placement;
    oj_segment segments[SEGMENTS];       /* those that are not empty */
    const oj_segment *by_kind[SEGMENTS]; /* NULL where empty */
    uint64_t got_addr;
} attempt;

/* --- placing -------------------------------------------------------------------------------------------------------- */

static void describe(attempt *a)
{
    const oj_plan *plan = a->plan;
    memset(&a->placement, 0, sizeof a->placement);
    a->placement.struct_size = (uint32_t)sizeof a->placement;
    a->placement.flags = plan->options.flags & OJ_LINK_WHOLE_PAGES ? OJ_PLACEMENT_WHOLE_PAGES : 0;
    a->placement.low_addr = plan->low_addr;
    a->placement.high_addr = plan->high_addr;
    a->placement.reach = plan->arch->reach;
    a->placement.segments = a->segments;
    for (unsigned i = 0; i < SEGMENTS; i++) {
        oj_segment *segment = &a->segments[a->placement.n_segments];
        a->by_kind[i] = NULL;
        if (plan->sizes[i] == 0)
            continue;
        memset(segment, 0, sizeof *segment);
        segment->kind = i + 1;
        segment->size = plan->sizes[i];
        segment->alignment = plan->alignments[i];
        a->by_kind[i] = segment;
        a->placement.n_segments++;
    }
}

static const char *const kind_names[SEGMENTS] = {"code", "read-only data", "data"};

static oj_status bad_answer(oj_error *error, const oj_segment *segment, const char *what)
{
    return oji_fail(error, OJ_E_PLACEMENT,
                    "oj_memory.place() answered %s for the %s segment of %llu bytes, alignment %llu: write %p, run "
                    "0x%llx",
                    what, kind_names[segment->kind - 1], (unsigned long long)segment->size,
                    (unsigned long long)segment->alignment, segment->write,
                    (unsigned long long)segment->run_addr);
}

static oj_status check_segment(const attempt *a, const oj_segment *segment, oj_error *error)
{
    uint64_t write = (uint64_t)(uintptr_t)segment->write, end;
    if (!segment->write)
        return bad_answer(error, segment, "no write address");
    if ((write | segment->run_addr) & (segment->alignment - 1))
        return bad_answer(error, segment, "a misaligned address");
    if (!oji_add(write, segment->size, &end) || !oji_add(segment->run_addr, segment->size, &end))
        return bad_answer(error, segment, "an address at the end of the address space");
    if (segment->run_addr < a->placement.low_addr || (a->placement.high_addr != 0 && end > a->placement.high_addr))
        return oji_fail(error, OJ_E_PLACEMENT,
                        "oj_memory.place() put the %s segment at 0x%llx, outside the window 0x%llx to 0x%llx",
                        kind_names[segment->kind - 1], (unsigned long long)segment->run_addr,
                        (unsigned long long)a->placement.low_addr, (unsigned long long)a->placement.high_addr);
    return OJ_OK;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) { return a < b + b_size && b < a + a_size; }

/* The answer of a client is input like any other. */
static oj_status check_answer(const attempt *a, oj_error *error)
{
    uint64_t lowest = UINT64_MAX, highest = 0;
    for (size_t i = 0; i < a->placement.n_segments; i++) {
        const oj_segment *segment = &a->segments[i];
        OJI_TRY(check_segment(a, segment, error));
        for (size_t j = 0; j < i; j++) {
            const oj_segment *other = &a->segments[j];
            if (overlap(segment->run_addr, segment->size, other->run_addr, other->size) ||
                overlap((uint64_t)(uintptr_t)segment->write, segment->size, (uint64_t)(uintptr_t)other->write,
                        other->size))
                return bad_answer(error, segment, "memory that another segment has, too,");
        }
        if (segment->run_addr < lowest)
            lowest = segment->run_addr;
        if (segment->run_addr + segment->size > highest)
            highest = segment->run_addr + segment->size;
    }
    if (highest - lowest > a->placement.reach)
        return oji_fail(error, OJ_E_PLACEMENT,
                        "oj_memory.place() put the segments %llu bytes apart (0x%llx to 0x%llx), but they must reach "
                        "each other within %llu",
                        (unsigned long long)(highest - lowest), (unsigned long long)lowest,
                        (unsigned long long)highest, (unsigned long long)a->placement.reach);
    return OJ_OK;
}

/* What place() was told may not be changed by it. */
static oj_status check_request(const attempt *a, size_t n_segments, oj_error *error)
{
    if (a->placement.n_segments != n_segments)
        return oji_fail(error, OJ_E_PLACEMENT, "oj_memory.place() changed the number of segments");
    for (unsigned i = 0; i < SEGMENTS; i++)
        if (a->by_kind[i] &&
            (a->by_kind[i]->size != a->plan->sizes[i] || a->by_kind[i]->alignment != a->plan->alignments[i] ||
             a->by_kind[i]->kind != i + 1))
            return oji_fail(error, OJ_E_PLACEMENT, "oj_memory.place() changed the request for the %s segment",
                            kind_names[i]);
    return OJ_OK;
}

static void release(attempt *a)
{
    if (a->plan->table.release)
        a->plan->table.release(a->plan->table.context, &a->placement);
}

static oj_status place(attempt *a, oj_error *error)
{
    oj_status status;
    size_t n_segments;
    describe(a);
    n_segments = a->placement.n_segments;
    oji_succeed(error);
    status = a->plan->table.place(a->plan->table.context, &a->placement, error);
    if (status != OJ_OK)
        return oji_link_callback_failed(error, status, "oj_memory.place");
    status = check_request(a, n_segments, error);
    /* The array and its length are not the callback's to change: release() gets them as they were. */
    a->placement.segments = a->segments;
    a->placement.n_segments = n_segments;
    if (status == OJ_OK)
        status = check_answer(a, error);
    if (status != OJ_OK)
        release(a);
    return status;
}

/* --- addresses ------------------------------------------------------------------------------------------------------ */

/* A symbol in a segment that is empty still has an address: the link's base, which is in reach of everything. */
static uint64_t run_addr(const attempt *a, unsigned segment)
{
    return a->by_kind[segment] ? a->by_kind[segment]->run_addr : a->got_addr;
}

static uint64_t symbol_addr(const attempt *a, const oji_link_member *member, const oji_symbol *symbol)
{
    const oji_link_slot *slot;
    if (symbol->section == OJI_SECTION_ABSOLUTE)
        return symbol->value;
    if (symbol->section >= OJI_SECTION_COMMON)
        return 0;
    slot = &member->slots[symbol->section];
    return slot->segment == OJI_NO_SEGMENT ? 0 : run_addr(a, slot->segment) + slot->offset + symbol->value;
}

static uint64_t name_addr(const attempt *a, const oji_link_name *name)
{
    const oji_link_member *member = &a->plan->members[name->member];
    switch (name->definition) {
    case OJI_LINK_WEAK:
    case OJI_LINK_STRONG:
        return symbol_addr(a, member, &member->object->symbols[name->symbol]);
    case OJI_LINK_COMMON:
        return run_addr(a, SEGMENT_DATA) + name->addr;
    case OJI_LINK_LINKER:
        return a->got_addr;
    default:
        return name->addr;
    }
}

/* The GOT stands at the start of the read-only segment. Where nothing needs an entry its address is still a base that
 * code may count from, and any address of the link serves. */
static void set_got_addr(attempt *a)
{
    unsigned segment = SEGMENT_RODATA;
    if (!a->by_kind[segment])
        segment = a->by_kind[SEGMENT_CODE] ? SEGMENT_CODE : SEGMENT_DATA;
    a->got_addr = a->by_kind[segment]->run_addr;
}

static void set_targets(attempt *a)
{
    for (uint32_t m = 0; m < a->plan->n_members; m++) {
        oji_link_member *member = &a->plan->members[m];
        const oj_object *object = member->object;
        for (uint32_t i = 0; i < object->first_global; i++)
            member->targets[i].addr = symbol_addr(a, member, &object->symbols[i]);
        for (uint32_t i = object->first_global; i < object->n_symbols; i++) {
            const oji_link_name *name = oji_link_name_of(a->plan, member, i);
            member->targets[i].addr = name ? name_addr(a, name) : 0;
        }
    }
}

static uint64_t target_addr(const oj_plan *plan, oji_link_ref ref)
{
    return plan->members[ref.member].targets[ref.symbol].addr;
}

/* --- bytes ---------------------------------------------------------------------------------------------------------- */

static uint8_t *write_at(const attempt *a, unsigned segment, uint64_t offset)
{
    return (uint8_t *)a->by_kind[segment]->write + offset;
}

/* Fill [from, to) of a segment: traps in code, zeroes elsewhere unless the memory already reads as zero. */
static void fill_gap(const attempt *a, unsigned segment, uint64_t from, uint64_t to)
{
    if (from >= to)
        return;
    if (segment == SEGMENT_CODE)
        memset(write_at(a, segment, from), a->plan->arch->padding, (size_t)(to - from));
    else if (!(a->by_kind[segment]->flags & OJ_SEGMENT_ZEROED))
        memset(write_at(a, segment, from), 0, (size_t)(to - from));
}

/* Copy all sections that have bytes. Offsets ascend within each segment, so what lies between two is a gap. */
static void copy_sections(const attempt *a)
{
    const oj_plan *plan = a->plan;
    uint64_t ends[SEGMENTS] = {0, (uint64_t)plan->n_entries * plan->arch->got_entry_size, 0};
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = 0; i < member->object->n_sections; i++) {
            const oji_section *section = &member->object->sections[i];
            const oji_link_slot *slot = &member->slots[i];
            if (slot->segment == OJI_NO_SEGMENT || section->kind == OJ_SECTION_ZERO || section->size == 0)
                continue;
            fill_gap(a, slot->segment, ends[slot->segment], slot->offset);
            memcpy(write_at(a, slot->segment, slot->offset), section->bytes, (size_t)section->size);
            ends[slot->segment] = slot->offset + section->size;
        }
    }
    if (plan->n_stubs > 0)
        fill_gap(a, SEGMENT_CODE, ends[SEGMENT_CODE], plan->stubs_off);
    if (a->by_kind[SEGMENT_DATA])
        fill_gap(a, SEGMENT_DATA, ends[SEGMENT_DATA], plan->sizes[SEGMENT_DATA]);
}

static oj_status write_entries(const attempt *a, oj_error *error)
{
    const oj_plan *plan = a->plan;
    uint64_t stubs_addr = run_addr(a, SEGMENT_CODE) + plan->stubs_off;
    for (uint32_t i = 0; i < plan->n_entries; i++)
        oji_store64(write_at(a, SEGMENT_RODATA, (uint64_t)i * plan->arch->got_entry_size),
                    target_addr(plan, plan->entries[i]));
    for (uint32_t i = 0; i < plan->n_stubs; i++) {
        uint64_t offset = (uint64_t)i * plan->arch->stub_size;
        if (!plan->arch->write_stub(write_at(a, SEGMENT_CODE, plan->stubs_off + offset), stubs_addr + offset,
                                    a->got_addr + (uint64_t)i * plan->arch->got_entry_size))
            return oji_fail(error, OJ_E_RANGE, "a stub at 0x%llx cannot reach the GOT at 0x%llx",
                            (unsigned long long)(stubs_addr + offset), (unsigned long long)a->got_addr);
    }
    return OJ_OK;
}

static oj_status relocate_section(attempt *a, oji_link_ref ref, oji_fixups *fixups, oj_error *error)
{
    const oji_link_member *member = &a->plan->members[ref.member];
    const oji_section *section = &member->object->sections[ref.symbol];
    const oji_link_slot *slot = &member->slots[ref.symbol];
    const oji_reloc *failed;
    uint32_t index;
    fixups->write = write_at(a, slot->segment, slot->offset);
    fixups->size = section->size;
    fixups->run_addr = run_addr(a, slot->segment) + slot->offset;
    fixups->relocs = section->relocs;
    fixups->n_relocs = section->n_relocs;
    index = a->plan->arch->relocate(fixups);
    if (index == section->n_relocs)
        return OJ_OK;
    failed = &section->relocs[index];
    return oji_link_report_range(a->plan, ref, index, fixups->run_addr + failed->offset,
                                 member->targets[failed->symbol].addr, error);
}

static oj_status relocate(attempt *a, oj_error *error)
{
    oji_fixups fixups = {.got_addr = a->got_addr, .stubs_addr = run_addr(a, SEGMENT_CODE) + a->plan->stubs_off};
    for (uint32_t m = 0; m < a->plan->n_members; m++) {
        const oji_link_member *member = &a->plan->members[m];
        fixups.symbols = member->object->symbols;
        fixups.targets = member->targets;
        for (uint32_t i = 0; i < member->object->n_sections; i++)
            if (member->slots[i].segment != OJI_NO_SEGMENT && member->object->sections[i].n_relocs > 0)
                OJI_TRY(relocate_section(a, (oji_link_ref){.member = m, .symbol = i}, &fixups, error));
    }
    a->plan->stats.n_relaxed = fixups.n_relaxed;
    a->plan->stats.n_direct = fixups.n_direct;
    return OJ_OK;
}

static oj_status write_bytes(attempt *a, oj_error *error)
{
    const oj_memory *table = &a->plan->table;
    oj_status status, end_status = OJ_OK;
    if (table->write_begin) {
        status = table->write_begin(table->context, &a->placement, error);
        if (status != OJ_OK)
            return oji_link_callback_failed(error, status, "oj_memory.write_begin");
    }
    set_got_addr(a);
    set_targets(a);
    copy_sections(a);
    status = write_entries(a, error);
    if (status == OJ_OK)
        status = relocate(a, error);
    if (table->write_end)
        end_status = table->write_end(table->context, &a->placement, status == OJ_OK ? error : NULL);
    if (status == OJ_OK && end_status != OJ_OK)
        return oji_link_callback_failed(error, end_status, "oj_memory.write_end");
    return status;
}

/* --- the code ------------------------------------------------------------------------------------------------------- */

static void fill_symbols(const oj_plan *plan, oj_code *code)
{
    oji_code_symbol *symbols = oji_code_symbols(code);
    char *names = oji_code_names(code);
    uint32_t name_off = 0;
    for (uint32_t i = 0; i < plan->n_kept; i++) {
        const oji_symbol *symbol = &plan->members[plan->kept[i].member].object->symbols[plan->kept[i].symbol];
        size_t name_size = strlen(symbol->name) + 1;
        symbols[i].addr = target_addr(plan, plan->kept[i]);
        symbols[i].size = symbol->size < UINT32_MAX ? (uint32_t)symbol->size : UINT32_MAX;
        symbols[i].name_off = name_off;
        memcpy(names + name_off, symbol->name, name_size);
        name_off += (uint32_t)name_size;
    }
}

static void fill_code(const attempt *a, oj_code *code)
{
    oji_code_segment *segments = oji_code_segments(code);
    code->memory = a->plan->memory;
    code->token = a->placement.token;
    for (size_t i = 0; i < a->placement.n_segments; i++) {
        const oj_segment *segment = &a->segments[i];
        segments[i].write = segment->write;
        segments[i].run_addr = segment->run_addr;
        segments[i].size = (uint32_t)segment->size;
        segments[i].kind = (uint8_t)segment->kind;
        segments[i].alignment_log2 = (uint8_t)__builtin_ctzll(segment->alignment);
        segments[i].flags = (uint8_t)segment->flags;
    }
    fill_symbols(a->plan, code);
}

static void answer_wanted(const attempt *a)
{
    const oj_plan *plan = a->plan;
    for (size_t i = 0; i < plan->options.n_wanted; i++) {
        const char *wanted = plan->options.wanted[i].name;
        plan->options.wanted[i].addr = name_addr(a, oji_link_find_name(plan, wanted, strlen(wanted)));
    }
}

static oj_status place_and_write(attempt *a, oj_error *error)
{
    oj_link_stats *stats = a->plan->options.stats ? &a->plan->stats : NULL;
    uint64_t start = stats ? oji_now() : 0, placed = 0, written = 0;
    oj_status status;
    OJI_TRY(place(a, error));
    if (stats)
        placed = oji_now();
    status = write_bytes(a, error);
    if (stats)
        written = oji_now();
    if (status == OJ_OK)
        status = oji_link_publish(a->plan, &a->placement, error);
    if (status != OJ_OK) {
        release(a);
        return status;
    }
    if (stats) {
        stats->place_ns = placed - start;
        stats->relocate_ns = written - placed;
        stats->publish_ns = oji_now() - written;
    }
    return OJ_OK;
}

oj_status oji_link_write(oj_plan *plan, oj_code **out, oj_error *error)
{
    attempt a = {.plan = plan};
    oj_code *code;
    oj_status status = OJ_OK;
    if (plan->arch != oji_arch_host() && !plan->options.memory)
        return oji_fail(error, OJ_E_ARCHITECTURE, "%s is for %s, which this process does not run: name the memory",
                        plan->members[0].object->name, plan->arch->name);
    code = oji_code_allocate(&plan->allocator, oj_plan_segment_count(plan), plan->n_kept, plan->kept_names_size);
    if (!code)
        return oji_fail_nomem(error, plan->kept_names_size + (uint64_t)plan->n_kept * sizeof(oji_code_symbol),
                              "the code's handle");
    if (code->n_segments > 0)
        status = place_and_write(&a, error);
    else
        set_targets(&a);
    if (status != OJ_OK) {
        oji_code_free(code);
        return status;
    }
    fill_code(&a, code);
    answer_wanted(&a);
    if (plan->options.stats)
        oji_export(plan->options.stats, plan->options.stats_size, &plan->stats, sizeof plan->stats);
    *out = code;
    return OJ_OK;
}
