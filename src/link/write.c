/* Copy and relocate: from a plan whose segments have addresses to bytes that are ready to be published. */
#include "link/link.h"

#include "code/tls.h"

/* --- targets ------------------------------------------------------------------------------------------------------ */

/* Needs run addresses; fills every target's. All at once, because relocations refer to targets far oftener than
 * there are symbols. */
static void set_targets(const oj_plan *plan)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        const oj_object *object = member->object;
        for (uint32_t i = 0; i < object->first_global; i++)
            member->targets[i].addr = oji_link_symbol_addr(plan, member, &member->symbols[i]);
        for (uint32_t i = object->first_global; i < object->n_symbols; i++) {
            const oji_link_name *name = oji_link_name_of(plan, member, i);
            member->targets[i].addr = name ? oji_link_name_addr(plan, name) : 0;
        }
    }
    oji_link_set_ifunc_targets(plan);
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* Fill a segment from where it has been written up to `end`: traps in code, zeroes elsewhere unless the memory
 * already reads as zero. Every byte of a segment is written or known to be zero: what an earlier owner of the memory
 * left there never becomes part of a code. */
static void fill_up(const oj_plan *plan, uint32_t segment, uint64_t *written, uint64_t end)
{
    uint64_t start = *written;
    *written = end;
    if (start >= end)
        return;
    if (plan->segments[segment].kind == OJ_SEGMENT_CODE)
        memset(oji_link_write_at(plan, segment, start), plan->arch->padding, (size_t)(end - start));
    else if (!(oji_link_request_of(plan, segment)->flags & OJ_SEGMENT_ZEROED))
        memset(oji_link_write_at(plan, segment, start), 0, (size_t)(end - start));
}

static void copy_section(oj_plan *plan, const oji_section *section, const oji_link_slot *slot)
{
    uint64_t *written = &plan->segments[slot->segment].written;
    fill_up(plan, slot->segment, written, slot->offset);
    memcpy(oji_link_write_at(plan, slot->segment, slot->offset), section->bytes, (size_t)section->size);
    *written = slot->offset + section->size;
}

/* Offsets ascend within each segment, so what lies between two sections is a gap. */
static void copy_sections(oj_plan *plan)
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t i = member->object->first_loaded; i < member->object->loaded_end; i++) {
            const oji_section *section = &member->object->sections[i];
            if (member->slots[i].segment < OJI_IN_BLOCK && section->kind != OJ_SECTION_ZERO && section->size > 0 &&
                !member->slots[i].is_in_run)
                copy_section(plan, section, &member->slots[i]);
        }
    }
}

/* Needs the run's sections copied. */
static void end_fini(oj_plan *plan, const oji_link_run *run)
{
    uint64_t end = (uint64_t)run->offset + run->size;
    fill_up(plan, run->segment, &plan->segments[run->segment].written, end);
    memset(oji_link_write_at(plan, run->segment, end), OJI_CODE_FINI_END_BYTE, plan->arch->got_entry_size);
    plan->segments[run->segment].written = end + plan->arch->got_entry_size;
}

/* Behind all other sections with bytes. Sections of a run that have none are filled as gaps are. */
static oj_status copy_runs(oj_plan *plan, oj_error *error)
{
    for (uint32_t i = 0; i < plan->n_runs; i++) {
        const oji_link_run *run = &plan->runs[i];
        for (uint32_t k = run->first; k < run->first + run->n_sections; k++) {
            oji_link_ref ref = plan->run_sections[k];
            const oji_section *section = &plan->members[ref.member].object->sections[ref.symbol];
            if (section->kind != OJ_SECTION_ZERO && section->size > 0)
                copy_section(plan, section, &plan->members[ref.member].slots[ref.symbol]);
        }
        if (i == OJI_RUN_FINI && run->n_sections > 0)
            end_fini(plan, run);
        if (i == OJI_RUN_INDEX && run->n_sections > 0) {
            fill_up(plan, run->segment, &plan->segments[run->segment].written, (uint64_t)run->offset + run->size);
            OJI_TRY(oji_link_write_gaps(plan, error));
        }
    }
    return OJ_OK;
}

/* What stubs jump through is the function itself, even where its stub is what the link takes for its address. */
static uint64_t entry_value(const oj_plan *plan, const oji_link_island *island, uint32_t index)
{
    oji_link_ref ref = plan->entries[island->first_entry + index];
    const oji_link_name *name = oji_link_name_of(plan, &plan->members[ref.member], ref.symbol);
    if (island == plan->ifuncs)
        return oji_link_ifunc_resolver(plan, index);
    if (index < island->n_stubs && name && name->is_canonical)
        return name->addr;
    return plan->members[ref.member].targets[ref.symbol].addr;
}

/* Needs targets. Entries are absolute addresses, so they reach everything. */
static void write_got(oj_plan *plan, const oji_link_island *island)
{
    uint64_t *written = &plan->segments[island->got_segment].written;
    uint32_t entry_size = plan->arch->got_entry_size;
    if (island->n_entries == 0 && island->n_tls_entries == 0)
        return;
    fill_up(plan, island->got_segment, written, island->got_off);
    for (uint32_t i = 0; i < island->n_entries; i++)
        oji_arch_store_word(plan->arch,
                            oji_link_write_at(plan, island->got_segment, island->got_off + (uint64_t)i * entry_size),
                            entry_value(plan, island, i));
    *written = island->got_off + (uint64_t)island->n_entries * entry_size;
    if (island->n_tls_entries == 0)
        return;
    oji_link_tls_write_entries(plan, island, oji_link_write_at(plan, island->got_segment, *written));
    *written += (uint64_t)island->n_tls_entries * entry_size;
}

/* Stub i jumps through entry i, whose address word i holds. */
static void store_far_stubs(const oj_plan *plan, const oji_link_island *island)
{
    uint64_t start = oji_link_run_addr(plan, island->stubs_segment);
    for (uint32_t i = 0; i < island->n_stubs; i++) {
        uint64_t stub = island->stubs_off + (uint64_t)i * plan->arch->far_stub_size;
        uint64_t word = plan->far_off + (uint64_t)i * plan->arch->got_entry_size;
        oji_arch_store_word(plan->arch, oji_link_write_at(plan, island->stubs_segment, word),
                            oji_link_entry_addr(plan, island, i));
        plan->arch->write_far_stub(oji_link_write_at(plan, island->stubs_segment, stub), start + stub, start + word);
    }
}

/* Stub i jumps through entry i. That it reaches is checked although the layout promises it: segments are where the
 * client put them. */
static oj_status store_stubs(const oj_plan *plan, const oji_link_island *island, oj_error *error)
{
    uint64_t stub, entry;
    for (uint32_t i = 0; i < island->n_stubs; i++) {
        uint64_t offset = island->stubs_off + (uint64_t)i * plan->arch->stub_size;
        stub = oji_link_run_addr(plan, island->stubs_segment) + offset;
        entry = oji_link_entry_addr(plan, island, i);
        if (plan->arch->write_descriptor_stub && plan->entries[island->first_entry + i].symbol == 0)
            plan->arch->write_descriptor_stub(oji_link_write_at(plan, island->stubs_segment, offset));
        else if (!plan->arch->write_stub(oji_link_write_at(plan, island->stubs_segment, offset), stub, entry))
            return oji_fail(error, OJ_E_RANGE, "a stub at 0x%llx cannot reach its GOT entry at 0x%llx",
                            (unsigned long long)stub, (unsigned long long)entry);
    }
    return OJ_OK;
}

static oj_status write_stubs(oj_plan *plan, const oji_link_island *island, oj_error *error)
{
    uint64_t *written = &plan->segments[island->stubs_segment].written;
    if (island->n_stubs == 0)
        return OJ_OK;
    fill_up(plan, island->stubs_segment, written, island->stubs_off);
    if (OJI_UNLIKELY(oji_link_is_far(plan, island))) {
        store_far_stubs(plan, island);
        *written = plan->far_off + (uint64_t)island->n_stubs * plan->arch->got_entry_size;
        return OJ_OK;
    }
    OJI_TRY(store_stubs(plan, island, error));
    *written = island->stubs_off + (uint64_t)island->n_stubs * plan->arch->stub_size;
    return OJ_OK;
}

/* In ascending order of offsets in every segment: a merged plan's GOT stands before its sections, everything else of
 * an island behind them, stubs first. Veneers stand between sections, where gaps have been filled by then. */
static oj_status write_bytes(oj_plan *plan, oj_error *error)
{
    bool singly = oji_link_places_singly(&plan->options);
    for (uint32_t i = 0; i < plan->n_segments; i++)
        plan->segments[i].written = 0;
    if (!singly)
        write_got(plan, &plan->islands[0]);
    copy_sections(plan);
    OJI_TRY(copy_runs(plan, error));
    if (plan->ifuncs)
        write_got(plan, plan->ifuncs);
    for (uint32_t i = 0; i < plan->n_stretches; i++)
        write_got(plan, &plan->stretches[i].island);
    for (uint32_t i = 0; i < plan->n_islands; i++) {
        OJI_TRY(write_stubs(plan, &plan->islands[i], error));
        if (singly)
            write_got(plan, &plan->islands[i]);
    }
    if (plan->ifuncs)
        OJI_TRY(write_stubs(plan, plan->ifuncs, error));
    for (uint32_t i = 0; i < plan->n_segments; i++)
        if (plan->segments[i].request != OJI_NONE)
            fill_up(plan, i, &plan->segments[i].written, plan->segments[i].size);
    for (uint32_t i = 0; i < plan->n_stretches; i++)
        OJI_TRY(store_stubs(plan, &plan->stretches[i].island, error));
    return OJ_OK;
}

/* --- relocations -------------------------------------------------------------------------------------------------- */

/* Bytes of the field, of kinds that tables of addresses are made of. */
static uint64_t field_size(const oji_arch *arch, const oji_reloc *reloc)
{
    if (arch->field_size)
        return arch->field_size(reloc->kind);
    switch (reloc->kind) {
    case OJI_RELOC_NONE:
    case OJI_RELOC_ABS16:
    case OJI_RELOC_ABS8:
    case OJI_RELOC_PC16:
    case OJI_RELOC_PC8:
        return 0;
    case OJI_RELOC_ABS64:
    case OJI_RELOC_PC64:
        return 8;
    default:
        return 4;
    }
}

/* A table that tells about sections has fields for some that are left out. These fields are zero: what reads such
 * tables takes that for none (as GNU ld leaves them). The runs between them are relocated. Returns as relocate(). */
static uint32_t relocate_around(const oj_plan *plan, const oji_link_member *member, oji_fixups *fixups)
{
    const oji_reloc *relocs = fixups->relocs;
    const uint32_t n = fixups->n_relocs;
    uint32_t next = 0;
    for (uint32_t i = 0; i <= n; i++) {
        uint32_t index;
        if (i < n && !oji_link_refers_to_nothing(member, &relocs[i]))
            continue;
        fixups->relocs = relocs + next;
        fixups->n_relocs = i - next;
        index = plan->arch->relocate(fixups);
        if (index < fixups->n_relocs)
            return next + index;
        if (i < n && field_size(plan->arch, &relocs[i]) <= fixups->size - relocs[i].offset)
            memset(fixups->write + relocs[i].offset, 0, (size_t)field_size(plan->arch, &relocs[i]));
        next = i + 1;
    }
    return n;
}

/* Relocate around those that may become loads. Returns as relocate(). */
static uint32_t relocate_loads(oj_plan *plan, oji_link_ref section, uint32_t load, oji_fixups *fixups)
{
    const oji_reloc *relocs = fixups->relocs;
    const uint32_t n = fixups->n_relocs;
    uint32_t next = 0;
    for (;; load++) {
        const oji_link_load *l = &plan->loads[load];
        bool is_here = load < plan->n_loads && l->member == section.member && l->section == section.symbol;
        const oji_reloc *reloc;
        uint64_t entry_off;
        uint32_t index;
        fixups->relocs = relocs + next;
        fixups->n_relocs = (is_here ? l->reloc : n) - next;
        index = plan->arch->relocate(fixups);
        if (index < fixups->n_relocs || !is_here)
            return next + index;
        reloc = &relocs[l->reloc];
        entry_off = (uint64_t)(l->entry - 1) * plan->arch->got_entry_size;
        if (!plan->arch->compute_or_load(
                fixups->write + reloc->offset, fixups->run_addr + reloc->offset,
                fixups->targets[reloc->symbol].addr + (uint64_t)reloc->addend,
                oji_link_write_at(plan, plan->islands[0].got_segment, plan->islands[0].got_off + entry_off),
                fixups->got_addr + entry_off))
            return l->reloc;
        next = l->reloc + 1;
    }
}

/* Needs the section's bytes where fixups say that they are, targets, and the island's addresses. Index n_relocs is
 * success, any other names the relocation that did not fit; what was written until then is given back with its
 * memory. */
static oj_status relocate_bytes(oj_plan *plan, oji_link_ref ref, oji_fixups *fixups, oj_error *error)
{
    const oji_link_member *member = &plan->members[ref.member];
    const oji_section *section = &member->object->sections[ref.symbol];
    uint32_t index, load = oji_link_first_load(plan, ref.member, ref.symbol);
    fixups->symbols = member->symbols;
    fixups->targets = member->targets;
    fixups->size = section->size;
    fixups->relocs = section->relocs;
    fixups->n_relocs = section->n_relocs;
    fixups->is_code = section->kind == OJ_SECTION_CODE;
    fixups->misfit = OJI_MISFIT_RANGE;
    if (OJI_UNLIKELY(member->has_left_out && (section->flags & OJI_SECTION_TELLS)))
        index = relocate_around(plan, member, fixups);
    else if (OJI_UNLIKELY(load < plan->n_loads))
        index = relocate_loads(plan, ref, load, fixups);
    else
        index = plan->arch->relocate(fixups);
    if (index == section->n_relocs)
        return OJ_OK;
    return oji_link_report_range(plan, ref, index, fixups, error);
}

static oj_status relocate_section(oj_plan *plan, oji_link_ref ref, oji_fixups *fixups, oj_error *error)
{
    const oji_link_slot *slot = &plan->members[ref.member].slots[ref.symbol];
    if (slot->segment == OJI_IN_BLOCK) {
        fixups->write = plan->tls.module->image + slot->offset;
        fixups->run_addr = 0;
    } else {
        fixups->write = oji_link_write_at(plan, slot->segment, slot->offset);
        fixups->run_addr = oji_link_run_addr(plan, slot->segment) + slot->offset;
    }
    return relocate_bytes(plan, ref, fixups, error);
}

static bool is_relocated(const oj_plan *plan, uint32_t member, uint32_t section)
{
    return plan->members[member].slots[section].segment < OJI_IN_BLOCK &&
           plan->members[member].object->sections[section].n_relocs > 0;
}

/* Without entries or stubs the address is of no use, and no relocation goes through it. */
static void set_island(const oj_plan *plan, const oji_link_island *island, oji_fixups *fixups)
{
    fixups->got_addr = oji_link_run_addr(plan, island->got_segment) + island->got_off;
    fixups->stubs_addr = oji_link_run_addr(plan, island->stubs_segment) + island->stubs_off;
    fixups->tls_index_addr = 0;
    if (island->has_block_index)
        fixups->tls_index_addr =
            fixups->got_addr + ((uint64_t)island->n_entries + island->block_index) * plan->arch->got_entry_size;
}

/* The sections of one stretch after another, each with its veneers, and those in runs with the last's. */
static oj_status relocate_stretches(oj_plan *plan, oji_fixups *fixups, oj_error *error)
{
    uint32_t stretch = 0;
    oj_status status = OJ_OK;
    oji_link_enter_stretch(plan, 0);
    for (int in_runs = 0; in_runs < 2; in_runs++)
        for (uint32_t m = 0; m < plan->n_members; m++)
            for (uint32_t i = 0; status == OJ_OK && i < plan->members[m].object->n_sections; i++) {
                const oji_link_slot *slot = &plan->members[m].slots[i];
                if (slot->segment != SEGMENT_CODE || slot->is_in_run != in_runs)
                    continue;
                if (is_relocated(plan, m, i))
                    status = relocate_section(plan, (oji_link_ref){.member = m, .symbol = i}, fixups, error);
                if (in_runs == 0 && oji_link_ends_stretch(plan, stretch, m, i)) {
                    oji_link_leave_stretch(plan, stretch);
                    oji_link_enter_stretch(plan, ++stretch);
                }
            }
    oji_link_leave_stretch(plan, stretch);
    return status;
}

/* Stubs of several stretches are numbered from the start of the code: see oji_link_number_stubs(). */
static void set_merged_island(const oj_plan *plan, oji_fixups *fixups)
{
    set_island(plan, &plan->islands[0], fixups);
    if (OJI_UNLIKELY(plan->n_stretches > 0))
        fixups->stubs_addr = oji_link_run_addr(plan, SEGMENT_CODE);
}

oj_status oji_link_relocate_aside(oj_plan *plan, uint32_t member, uint32_t section, uint8_t *bytes, uint64_t run_addr,
                                  oj_error *error)
{
    oji_fixups fixups = {
        .write = bytes, .run_addr = run_addr, .base_addr = oji_link_base_addr(plan), .tls_offset = plan->tls.tp_offset};
    set_merged_island(plan, &fixups);
    return relocate_bytes(plan, (oji_link_ref){.member = member, .symbol = section}, &fixups, error);
}

static oj_status relocate_merged(oj_plan *plan, oji_fixups *fixups, oj_error *error)
{
    set_merged_island(plan, fixups);
    if (OJI_UNLIKELY(plan->n_stretches > 0))
        OJI_TRY(relocate_stretches(plan, fixups, error));
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oj_object *object = plan->members[m].object;
        for (uint32_t i = object->first_loaded; i < object->loaded_end; i++)
            if (is_relocated(plan, m, i) &&
                (plan->n_stretches == 0 || plan->members[m].slots[i].segment != SEGMENT_CODE))
                OJI_TRY(relocate_section(plan, (oji_link_ref){.member = m, .symbol = i}, fixups, error));
    }
    return OJ_OK;
}

/* Islands are in the order of the sections that use them. The island is left on failure too: a plan may be linked
 * again, and the numbers would be another island's. */
static oj_status relocate_singly(oj_plan *plan, oji_fixups *fixups, oj_error *error)
{
    uint32_t next = 0;
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; i < plan->members[m].object->n_sections; i++) {
            const oji_link_island *island = next < plan->n_islands ? &plan->islands[next] : NULL;
            oj_status status;
            if (island && (island->member != m || island->section != i))
                island = NULL;
            next += island != NULL;
            if (!is_relocated(plan, m, i))
                continue;
            fixups->got_addr = oji_link_base_addr(plan);
            if (island) {
                oji_link_enter_island(plan, island);
                set_island(plan, island, fixups);
            }
            status = relocate_section(plan, (oji_link_ref){.member = m, .symbol = i}, fixups, error);
            if (island)
                oji_link_leave_island(plan, island);
            OJI_TRY(status);
        }
    return OJ_OK;
}

/* The module of thread-local variables is defined with its image, which is whole by then. Needs targets. */
static oj_status make_tls(oj_plan *plan, oj_error *error)
{
    oji_fixups fixups = {.base_addr = oji_link_base_addr(plan)};
    OJI_TRY(oji_link_tls_begin(plan, error));
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; plan->members[m].object->has_tls && i < plan->members[m].object->n_sections; i++)
            if (plan->members[m].slots[i].segment == OJI_IN_BLOCK && plan->members[m].object->sections[i].n_relocs > 0)
                OJI_TRY(relocate_section(plan, (oji_link_ref){.member = m, .symbol = i}, &fixups, error));
    return oji_link_tls_define(plan, error);
}

oj_status oji_link_make_tls_ahead(oj_plan *plan, oj_error *error)
{
    oj_status status;
    set_targets(plan);
    status = make_tls(plan, error);
    if (status != OJ_OK)
        oji_link_tls_abandon(plan);
    plan->tls.is_made = status == OJ_OK;
    return status;
}

/* Before all other bytes: GOT entries tell of the module. */
static oj_status write_tls(oj_plan *plan, oji_fixups *fixups, oj_error *error)
{
    if (!plan->tls.is_made)
        OJI_TRY(make_tls(plan, error));
    OJI_TRY(oji_link_tls_find_externals(plan, error));
    fixups->tls_offset = plan->tls.tp_offset;
    return OJ_OK;
}

/* Needs checked addresses in plan->requests; fills the memory they name and every target. Changes nothing that the
 * next link of the plan does not set anew. */
oj_status oji_link_write(oj_plan *plan, oj_error *error)
{
    oji_fixups fixups = {.base_addr = oji_link_base_addr(plan)};
    set_targets(plan);
    if (plan->tls.is_used || plan->tls.has_destructors)
        OJI_TRY(write_tls(plan, &fixups, error));
    OJI_TRY(write_bytes(plan, error));
    OJI_TRY(oji_link_places_singly(&plan->options) ? relocate_singly(plan, &fixups, error)
                                                   : relocate_merged(plan, &fixups, error));
    oji_link_turn_arrays(plan);
    plan->stats.n_relaxed = fixups.n_relaxed;
    plan->stats.n_direct = fixups.n_direct;
    return OJ_OK;
}
