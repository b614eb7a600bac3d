/* Gather what debuggers and profilers are told of a finished link: debug sections joined and relocated, unwind tables,
 * symbols. Nothing here can make a link fail but want of memory: debug information that is wrong stays wrong. */
#include "code/debug.h"
#include "link/link.h"

/* All members' debug sections of one kind become one, member after member. */
typedef struct gathering {
    const oj_plan *plan;
    oji_arena *arena;
    oji_debug_info *info;
    uint32_t **offs; /* for each member, for each section: where its part starts; only of those with a kind */
} gathering;

/* Lists for accelerated look-up are left out: they would have to be rewritten to be joined, and debuggers make their
 * own. OJI_DEBUG_SECTIONS for a section that is not passed on. */
static int kind_of(const oji_section *section)
{
    int kind = 0;
    if (section->kind != OJ_SECTION_DEBUG || !section->bytes || (section->flags & OJI_SECTION_COMPRESSED))
        return OJI_DEBUG_SECTIONS;
    while (kind < OJI_DEBUG_SECTIONS && strcmp(section->name, oji_debug_names[kind]) != 0)
        kind++;
    return kind;
}

/* Without their relocations debug sections mean nothing. */
static bool has_debug(const oj_object *object) { return (object->flags & OJ_OBJECT_WITH_DEBUG) != 0; }

/* --- layout ------------------------------------------------------------------------------------------------------- */

/* More alignment than any of these sections needs is no reason to fill memory with gaps. */
static uint64_t alignment_of(const oji_section *section) { return section->alignment > 16 ? 16 : section->alignment; }

/* Fills offs and the sizes. Offsets inside debug information are of 32 bits: what exceeds them is left out. */
static bool lay_out_member(const gathering *g, uint32_t m, uint32_t *offs)
{
    const oj_object *object = g->plan->members[m].object;
    for (uint32_t i = 0; i < object->n_sections; i++) {
        int kind = kind_of(&object->sections[i]);
        uint64_t alignment = alignment_of(&object->sections[i]), start;
        if (kind == OJI_DEBUG_SECTIONS)
            continue;
        start = (g->info->sections[kind].size + alignment - 1) & ~(alignment - 1);
        if (start + object->sections[i].size > UINT32_MAX)
            return false;
        offs[i] = (uint32_t)start;
        g->info->sections[kind].size = start + object->sections[i].size;
    }
    return true;
}

static bool lay_out(gathering *g, bool *fits)
{
    *fits = true;
    g->offs = oji_arena_array(g->arena, g->plan->n_members, sizeof *g->offs);
    if (!g->offs)
        return false;
    for (uint32_t m = 0; m < g->plan->n_members && *fits; m++) {
        const oj_object *object = g->plan->members[m].object;
        if (!has_debug(object))
            continue;
        g->offs[m] = oji_arena_array(g->arena, object->n_sections, sizeof **g->offs);
        if (!g->offs[m])
            return false;
        *fits = lay_out_member(g, m, g->offs[m]);
    }
    for (int kind = 0; kind < OJI_DEBUG_SECTIONS; kind++) {
        oji_debug_data *data = &g->info->sections[kind];
        if (!*fits)
            data->size = 0;
        if (data->size > 0 && !(data->bytes = oji_arena_array(g->arena, data->size, 1)))
            return false;
    }
    return true;
}

/* --- relocation --------------------------------------------------------------------------------------------------- */

/* The kind of the debug section that a symbol lies in, OJI_DEBUG_SECTIONS for any other. */
static int kind_of_symbol(const oj_object *object, const oji_symbol *symbol)
{
    return oji_link_is_inside(symbol) ? kind_of(&object->sections[symbol->section]) : OJI_DEBUG_SECTIONS;
}

/* The addresses that relocations of debug sections see: those of the link, and offsets for what lies in a debug
 * section itself. */
static oji_target *make_targets(const gathering *g, uint32_t m)
{
    const oji_link_member *member = &g->plan->members[m];
    const oj_object *object = member->object;
    oji_target *targets = oji_arena_array(g->arena, object->n_symbols, sizeof *targets);
    if (!targets)
        return NULL;
    memcpy(targets, member->targets, object->n_symbols * sizeof *targets);
    for (uint32_t i = 1; g->offs && g->offs[m] && i < object->n_symbols; i++) {
        const oji_symbol *symbol = &object->symbols[i];
        if (kind_of_symbol(object, symbol) != OJI_DEBUG_SECTIONS)
            targets[i].addr = g->offs[m][symbol->section] + symbol->value;
    }
    return targets;
}

/* A field that does not fit keeps what it has, and the next ones are tried. */
static void relocate(const gathering *g, uint32_t m, const oji_section *section, const oji_target *targets,
                     uint8_t *bytes, uint64_t addr)
{
    oji_fixups fixups = {.write = bytes,
                         .size = section->size,
                         .run_addr = addr,
                         .relocs = section->relocs,
                         .n_relocs = section->n_relocs,
                         .symbols = g->plan->members[m].symbols,
                         .targets = targets};
    while (fixups.n_relocs > 0) {
        uint32_t failed = g->plan->arch->relocate(&fixups);
        if (failed == fixups.n_relocs)
            return;
        fixups.relocs += failed + 1;
        fixups.n_relocs -= failed + 1;
    }
}

static bool is_offset(const oj_object *object, const oji_reloc *reloc)
{
    return (reloc->kind == OJI_RELOC_ABS32 || reloc->kind == OJI_RELOC_ABS64) &&
           kind_of_symbol(object, &object->symbols[reloc->symbol]) != OJI_DEBUG_SECTIONS;
}

static void list_fixes(const gathering *g, const oj_object *object, const oji_section *section, uint32_t start)
{
    for (uint32_t i = 0; i < section->n_relocs; i++) {
        const oji_reloc *reloc = &section->relocs[i];
        if (is_offset(object, reloc))
            g->info->fixes[g->info->n_fixes++] =
                (oji_debug_fix){.offset = start + reloc->offset,
                                .section = (uint8_t)kind_of(section),
                                .target = (uint8_t)kind_of_symbol(object, &object->symbols[reloc->symbol]),
                                .width = reloc->kind == OJI_RELOC_ABS64 ? 8 : 4};
    }
}

static uint64_t count_offsets(const oj_object *object)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < object->n_sections && has_debug(object); i++)
        if (kind_of(&object->sections[i]) != OJI_DEBUG_SECTIONS)
            for (uint32_t r = 0; r < object->sections[i].n_relocs; r++)
                n += is_offset(object, &object->sections[i].relocs[r]);
    return n;
}

static bool write_member(const gathering *g, uint32_t m)
{
    const oj_object *object = g->plan->members[m].object;
    oji_target *targets = make_targets(g, m);
    for (uint32_t i = 0; targets && i < object->n_sections; i++) {
        const oji_section *section = &object->sections[i];
        int kind = kind_of(section);
        uint8_t *bytes;
        if (kind == OJI_DEBUG_SECTIONS)
            continue;
        bytes = g->info->sections[kind].bytes + g->offs[m][i];
        memcpy(bytes, section->bytes, (size_t)section->size);
        relocate(g, m, section, targets, bytes, 0);
        list_fixes(g, object, section, g->offs[m][i]);
    }
    return targets != NULL;
}

static bool gather_sections(gathering *g)
{
    uint64_t n_fixes = 0;
    bool fits;
    if (!lay_out(g, &fits))
        return false;
    for (uint32_t m = 0; m < g->plan->n_members; m++)
        n_fixes += count_offsets(g->plan->members[m].object);
    g->info->fixes = oji_arena_array(g->arena, n_fixes, sizeof *g->info->fixes);
    if (!g->info->fixes || n_fixes > UINT32_MAX)
        return false;
    for (uint32_t m = 0; m < g->plan->n_members && fits; m++)
        if (g->offs[m] && !write_member(g, m))
            return false;
    return true;
}

/* --- unwind tables ------------------------------------------------------------------------------------------------ */

/* Where a section is, or stands in the relocation of one that the link left out. */
static uint64_t unwind_addr(const oj_plan *plan, const oji_link_slot *slot, uint64_t size)
{
    uint32_t request = slot->segment == OJI_NONE ? OJI_NONE : plan->segments[slot->segment].request;
    return request == OJI_NONE ? oji_link_aside_addr(plan, size) : plan->requests[request].run_addr + slot->offset;
}

/* From the object again rather than from memory, which the provider may have made unreadable. */
static bool add_unwind(const gathering *g, uint32_t m, uint32_t index)
{
    const oj_object *object = g->plan->members[m].object;
    const oji_section *section = &object->sections[index];
    oji_debug_unwind *unwind = &g->info->unwind[g->info->n_unwind++];
    uint8_t *bytes = oji_arena_array(g->arena, section->size, 1);
    if (!bytes)
        return false;
    memcpy(bytes, section->bytes, (size_t)section->size);
    unwind->addr = unwind_addr(g->plan, &g->plan->members[m].slots[index], section->size);
    unwind->bytes = (oji_bytes){bytes, section->size};
    relocate(g, m, section, g->plan->members[m].targets, bytes, unwind->addr);
    return true;
}

static bool is_unwind(const oji_section *section)
{
    return section->kind == OJ_SECTION_UNWIND && !(section->flags & OJI_SECTION_INDEX) && section->bytes;
}

static bool gather_unwind(const gathering *g)
{
    uint64_t n = 0;
    for (uint32_t m = 0; m < g->plan->n_members; m++)
        for (uint32_t i = 0; i < g->plan->members[m].object->n_sections; i++)
            n += is_unwind(&g->plan->members[m].object->sections[i]);
    g->info->unwind = oji_arena_array(g->arena, n, sizeof *g->info->unwind);
    if (!g->info->unwind)
        return false;
    for (uint32_t m = 0; m < g->plan->n_members && n > 0; m++)
        for (uint32_t i = 0; i < g->plan->members[m].object->n_sections; i++)
            if (is_unwind(&g->plan->members[m].object->sections[i]) && !add_unwind(g, m, i))
                return false;
    return true;
}

/* --- symbols ------------------------------------------------------------------------------------------------------ */

/* The segment that a member's symbol is in, OJI_NONE for one that debuggers are not told of: another's definition won,
 * it has no place or no name, or it is one of the linker's own kinds. */
static uint32_t range_of(const oj_plan *plan, uint32_t m, uint32_t i)
{
    const oji_link_member *member = &plan->members[m];
    const oji_symbol *symbol = &member->symbols[i];
    const oji_link_name *name = oji_link_name_of(plan, member, i);
    uint32_t segment;
    if (symbol->type > OJ_SYMBOL_FUNCTION || symbol->name[0] == '\0')
        return OJI_NONE;
    if (i >= member->object->first_global && (!name || name->member != m || name->symbol != i))
        return OJI_NONE;
    if (symbol->section == OJI_SECTION_COMMON)
        segment = name && name->definition == OJI_LINK_COMMON ? plan->common_segment : OJI_NONE;
    else
        segment = oji_link_is_inside(symbol) ? member->slots[symbol->section].segment : OJI_NONE;
    return segment == OJI_NONE ? OJI_NONE : plan->segments[segment].request;
}

static void add_symbol(oji_debug_info *info, const oj_plan *plan, uint32_t m, uint32_t i, uint32_t range, uint64_t size)
{
    const oji_symbol *symbol = &plan->members[m].symbols[i];
    oji_debug_symbol *added = &info->symbols[info->n_symbols++];
    added->addr = plan->members[m].targets[i].addr;
    added->size = symbol->size;
    added->name_off = (uint32_t)info->names_size;
    added->range = range;
    added->is_global = i >= plan->members[m].object->first_global;
    added->is_function = symbol->type == OJ_SYMBOL_FUNCTION ||
                         (symbol->type == OJ_SYMBOL_NOTYPE && plan->requests[range].kind == OJ_SEGMENT_CODE);
    memcpy(info->names + info->names_size, symbol->name, (size_t)size);
    info->names_size += size;
}

/* Each symbol has a copy of its name, and objects may have one long name for all: what is beyond this is not told. */
enum { NAMES_LARGEST = 256 * 1024 * 1024 };

/* Bytes of a name with its zero, of those that are left; 0 where it does not fit, nor any other from then on. */
static uint64_t size_of_name(const char *name, uint64_t *left)
{
    uint64_t length = strnlen(name, (size_t)*left), size = length < *left ? length + 1 : 0;
    *left = size > 0 ? *left - size : 0;
    return size;
}

static bool gather_symbols(const gathering *g)
{
    const oj_plan *plan = g->plan;
    uint64_t n = 0, names_size = 0;
    for (int pass = 0; pass < 2; pass++) {
        uint64_t left = NAMES_LARGEST;
        for (uint32_t m = 0; m < plan->n_members; m++)
            for (uint32_t i = 1; i < plan->members[m].object->n_symbols; i++) {
                uint32_t range = range_of(plan, m, i);
                uint64_t size = range == OJI_NONE ? 0 : size_of_name(plan->members[m].symbols[i].name, &left);
                if (size == 0)
                    continue;
                if (pass == 1)
                    add_symbol(g->info, plan, m, i, range, size);
                n++;
                names_size += size;
            }
        if (pass == 1)
            break;
        g->info->symbols = oji_arena_array(g->arena, n, sizeof *g->info->symbols);
        g->info->names = oji_arena_array(g->arena, names_size, 1);
        if (!g->info->symbols || !g->info->names || n > UINT32_MAX)
            return false;
    }
    return true;
}

static bool gather_ranges(const gathering *g)
{
    g->info->ranges = oji_arena_array(g->arena, g->plan->n_requests, sizeof *g->info->ranges);
    if (!g->info->ranges)
        return false;
    for (uint32_t i = 0; i < g->plan->n_requests; i++) {
        const oj_segment *request = &g->plan->requests[i];
        g->info->ranges[i] = (oji_debug_range){.addr = request->run_addr,
                                               .size = request->size,
                                               .kind = request->kind,
                                               .spare = request->kind == OJ_SEGMENT_CODE ? g->plan->spare_size : 0};
    }
    g->info->n_ranges = g->plan->n_requests;
    return true;
}

/* Larger codes have an unwind table for each function, see jitdump.c. */
enum { PROFILED_LARGEST = 256 * 1024 };

/* An entry of 17 bytes and its program becomes one of 24 and the program, with 8 in the index; what several have in
 * common grows by less than its size. */
uint64_t oji_link_debug_spare(const oj_plan *plan)
{
    uint64_t size = 0;
    if (!(plan->options.flags & OJ_LINK_JITDUMP) || oji_link_places_singly(&plan->options) ||
        plan->arch != oji_arch_host() || plan->segments[SEGMENT_CODE].size == 0)
        return 0;
    for (uint32_t m = 0; m < plan->n_members; m++)
        for (uint32_t i = 0; i < plan->members[m].object->n_sections; i++)
            size += is_unwind(&plan->members[m].object->sections[i]) ? plan->members[m].object->sections[i].size : 0;
    if (size == 0 || size + plan->segments[SEGMENT_CODE].size > PROFILED_LARGEST)
        return 0;
    return (2 * size + OJI_DEBUG_SPARE_LEAST + 7) & ~UINT64_C(7);
}

/* --- the step ----------------------------------------------------------------------------------------------------- */

static bool gather(const oj_plan *plan, oji_arena *arena, oji_debug_info *info)
{
    gathering g = {.plan = plan, .arena = arena, .info = info};
    memset(info, 0, sizeof *info);
    info->machine = plan->arch->elf_machine;
    info->machine_flags = plan->arch->elf_flags;
    info->is_32 = plan->arch->address_bits == 32;
    info->n_registers = plan->arch->unwind_registers;
    if (!gather_ranges(&g) || !gather_symbols(&g))
        return false;
    if (!(plan->options.flags & (OJ_LINK_DEBUGGER | OJ_LINK_JITDUMP)))
        return true;
    return gather_unwind(&g) && gather_sections(&g);
}

/* What perf is told comes first, because it cannot be taken back: the debugger's symbol file then is the last that can
 * fail. */
static oj_status tell(const oj_plan *plan, oji_debug_info *info, oji_arena *arena, oj_record *record, oj_error *error)
{
    uint32_t flags = plan->options.flags;
    if (flags & OJ_LINK_PERF_MAP)
        OJI_TRY(oji_perf_map_add(info, error));
    if (flags & OJ_LINK_JITDUMP)
        OJI_TRY(oji_jitdump_add(info, arena, error));
    if (!(flags & OJ_LINK_DEBUGGER))
        return OJ_OK;
    if (!oji_debug_add_frames(info, arena))
        return oji_fail(error, OJ_E_NOMEM, "out of memory: unwind tables for debuggers");
    return oji_gdb_register(info, &plan->allocator, record, error);
}

/* Code of another architecture does not run in this process, and a link of no bytes has nothing to show. */
uint32_t oji_link_count_debug(const oj_plan *plan)
{
    return oji_link_tells_tools(&plan->options) && plan->n_requests > 0 && plan->arch == oji_arch_host();
}

oj_status oji_link_attach_debug(const oj_plan *plan, const oj_code *code, oj_record *record, oj_error *error)
{
    oji_arena arena;
    oji_debug_info info;
    oj_status status;
    (void)code;
    oji_arena_init(&arena, &plan->allocator, NULL, 0);
    if (gather(plan, &arena, &info))
        status = tell(plan, &info, &arena, record, error);
    else
        status = oji_fail(error, OJ_E_NOMEM, "out of memory: symbols for debuggers and profilers");
    oji_arena_free(&arena);
    return status;
}
