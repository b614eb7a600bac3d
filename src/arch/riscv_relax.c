/* RISC-V: code that becomes shorter as it is linked.
 *
 * Assemblers leave as many nops as an alignment can need at most, and calls in their longest form. A section is planned
 * as a list of cuts; then its bytes, the places of relocations and of symbols follow them. Nothing has an address yet:
 * - a section is aligned to the largest alignment inside of it, so that places in it count from there;
 * - what is in it only comes nearer: calls are judged by distances that nothing has been cut from.
 * Loads and addresses keep both their halves: what would make them shorter is an address near 0, or near the program's
 * global pointer, and linked code is at neither.
 * Source: RISC-V ELF psABI, "Linker Relaxation". */
#include "arch/riscv.h"
#include "object/riscv.h"

typedef struct cut {
    uint32_t offset; /* in the section as it was */
    uint32_t size;   /* bytes */
    uint32_t before; /* bytes of the section's cuts before this one */
} cut;

typedef struct shrinker {
    const oji_relaxing *relaxing;
    const oj_object *object;
    oj_error *error;
    cut *cuts;
    uint32_t n_cuts;
    uint32_t *first; /* of each section's cuts, and the end of the last one's */
    oji_section *sections;
    oji_symbol *symbols;
    oji_reloc *relocs;
    bool is_64;
} shrinker;

static oj_status fail_nomem(oj_error *error) { return oji_fail(error, OJ_E_NOMEM, "out of memory: shorter code"); }

static oj_status fail_reloc(const shrinker *s, uint32_t section, const oji_reloc *reloc, const char *why)
{
    const oj_object *object = s->object;
    const char *name = oji_object_reloc_name(object, reloc);
    oji_place place = {object->name, object->sections[section].name, name, NULL, reloc->offset};
    return oji_fail_at(s->error, OJ_E_MALFORMED, &place, "%s: section %s, offset %#llx: %s %s", object->name,
                       place.section, (unsigned long long)reloc->offset, name, why);
}

/* --- cuts --------------------------------------------------------------------------------------------------------- */

/* Where a place in a section has come to lie. One inside a cut is where that was. */
static uint64_t new_offset(const shrinker *s, uint32_t section, uint64_t offset)
{
    uint32_t low = s->first[section], high = s->first[section + 1];
    const cut *last;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->cuts[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->first[section])
        return offset;
    last = &s->cuts[low - 1];
    return offset - last->before - (offset - last->offset < last->size ? offset - last->offset : last->size);
}

/* Bytes cut from the section so far, and where its last cut ends. */
static uint32_t removed(const shrinker *s, uint32_t section, uint64_t *end)
{
    const cut *last = &s->cuts[s->n_cuts - 1];
    *end = 0;
    if (s->n_cuts == s->first[section])
        return 0;
    *end = (uint64_t)last->offset + last->size;
    return last->before + last->size;
}

static void add_cut(shrinker *s, uint32_t section, uint64_t offset, uint64_t size)
{
    uint64_t end;
    uint32_t before = removed(s, section, &end);
    if (size > 0)
        s->cuts[s->n_cuts++] = (cut){.offset = (uint32_t)offset, .size = (uint32_t)size, .before = before};
}

/* The alignment that so many bytes of nops are for: the next power of two. */
static uint64_t alignment_of(const oji_reloc *reloc)
{
    uint64_t alignment = 1;
    while (alignment <= (uint64_t)reloc->addend)
        alignment *= 2;
    return alignment;
}

static oj_status cut_nops(shrinker *s, uint32_t section, const oji_reloc *reloc)
{
    uint64_t alignment = alignment_of(reloc), end, need;
    uint64_t place = reloc->offset - removed(s, section, &end);
    if (reloc->offset < end)
        return fail_reloc(s, section, reloc, "is inside of what another one cuts");
    if (alignment > OJI_MAX_ALIGNMENT)
        return fail_reloc(s, section, reloc, "is for an alignment above 1 GiB");
    need = (0 - place) & (alignment - 1);
    if (need > (uint64_t)reloc->addend)
        return fail_reloc(s, section, reloc, "has fewer bytes of nops than its alignment needs");
    if (s->sections[section].alignment < alignment)
        s->sections[section].alignment = (uint32_t)alignment;
    add_cut(s, section, reloc->offset + need, (uint64_t)reloc->addend - need);
    return OJ_OK;
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

/* Is it auipc and jalr, by one register? */
static bool is_call(const uint8_t *bytes)
{
    uint32_t first = oji_load32(bytes), second = oji_load32(bytes + 4);
    return (first & 0x7f) == 0x17 && (second & 0x707f) == 0x67 && (first >> 7 & 31) == (second >> 15 & 31);
}

/* The register that a call leaves its return address in. */
static uint32_t link_register(const uint8_t *bytes) { return oji_load32(bytes + 4) >> 7 & 31; }

static bool has_short_form(const shrinker *s, const uint8_t *bytes)
{
    uint32_t link = link_register(bytes);
    return s->object->has_short_code && (link == 0 || (link == 1 && !s->is_64));
}

/* The kind that a call's relocation can have instead. */
static uint32_t shorter_kind(const shrinker *s, uint32_t section, const oji_reloc *reloc)
{
    const oji_symbol *symbol = &s->relaxing->symbols[reloc->symbol];
    const uint8_t *bytes = s->object->sections[section].bytes + reloc->offset;
    uint32_t bound = s->relaxing->bound(s->relaxing, reloc->symbol);
    uint64_t distance = symbol->value + (uint64_t)reloc->addend - reloc->offset;
    bool is_own = (bound & OJI_BOUND_OWN) && symbol->section == section;
    if (!is_call(bytes) || reloc->addend % 2 != 0)
        return OJI_RV_CALL;
    /* A distance that is not known is less than all code there is. */
    if (!is_own && (!(bound & OJI_BOUND_CODE) || reloc->addend != 0))
        return OJI_RV_CALL;
    if (has_short_form(s, bytes) && (is_own ? distance + 0x800 < 0x1000 : s->relaxing->code_size < 0x800))
        return OJI_RV_RVC_JUMP;
    return (is_own ? distance + 0x100000 < 0x200000 : s->relaxing->code_size < 0x100000) ? OJI_RV_JAL : OJI_RV_CALL;
}

static bool is_relaxed(const oji_section *section, uint32_t i)
{
    const oji_reloc *reloc = &section->relocs[i];
    return reloc->kind == OJI_RV_CALL && i + 1 < section->n_relocs && reloc[1].kind == OJI_RV_RELAX &&
           reloc[1].offset == reloc->offset;
}

static void cut_call(shrinker *s, uint32_t section, const oji_reloc *reloc, oji_reloc *copy)
{
    uint64_t end;
    removed(s, section, &end);
    if (reloc->offset < end)
        return;
    copy->kind = (uint8_t)shorter_kind(s, section, reloc);
    if (copy->kind != OJI_RV_CALL) {
        uint32_t size = oji_rv_width(copy->kind);
        add_cut(s, section, reloc->offset + size, 8 - size);
    }
}

/* Needs the section's relocations in order, which the reader has made sure of; they are copied already. */
static oj_status plan_section(shrinker *s, uint32_t index)
{
    const oji_section *section = &s->object->sections[index];
    s->first[index] = s->n_cuts;
    for (uint32_t i = 0; section->kind == OJ_SECTION_CODE && i < section->n_relocs; i++) {
        oji_reloc *copy = &s->relocs[(size_t)(section->relocs - s->object->relocs) + i];
        if (section->relocs[i].kind == OJI_RV_ALIGN) {
            OJI_TRY(cut_nops(s, index, &section->relocs[i]));
            copy->kind = OJI_RELOC_NONE;
        } else if (is_relaxed(section, i)) {
            cut_call(s, index, &section->relocs[i], copy);
        }
    }
    s->first[index + 1] = s->n_cuts;
    return OJ_OK;
}

/* --- what follows the cuts ---------------------------------------------------------------------------------------- */

/* Nops of four bytes, and one of two at the end where it is needed. */
static void write_nops(uint8_t *where, uint64_t size)
{
    uint64_t i = 0;
    for (; i + 4 <= size; i += 4)
        oji_store32(where + i, UINT32_C(0x00000013));
    if (i < size)
        oji_store16(where + i, 0x0001);
}

static void write_call(uint8_t *where, uint32_t kind, uint32_t link)
{
    if (kind == OJI_RV_RVC_JUMP)
        oji_store16(where, link == 0 ? 0xa001 : 0x2001); /* c.j, c.jal */
    else
        oji_store32(where, UINT32_C(0x6f) | link << 7);
}

/* The assembler's nops stay where all of them are needed, as with other linkers. */
static void write_changes(const shrinker *s, uint32_t index, uint8_t *bytes)
{
    const oji_section *section = &s->object->sections[index];
    for (uint32_t i = 0; i < section->n_relocs; i++) {
        const oji_reloc *old = &section->relocs[i];
        const oji_reloc *copy = &s->relocs[(size_t)(section->relocs - s->object->relocs) + i];
        if (old->kind == OJI_RV_ALIGN) {
            uint64_t room = (uint64_t)old->addend;
            uint64_t size = new_offset(s, index, old->offset + room) - copy->offset;
            if (size < room)
                write_nops(bytes + copy->offset, size);
        } else if (old->kind == OJI_RV_CALL && copy->kind != OJI_RV_CALL) {
            write_call(bytes + copy->offset, copy->kind, link_register(section->bytes + old->offset));
        }
    }
}

/* Needs the relocations moved. */
static bool shorten_bytes(shrinker *s, uint32_t index)
{
    const oji_section *old = &s->object->sections[index];
    uint8_t *bytes = oji_arena_array(s->relaxing->arena, old->size, 1);
    uint64_t from = 0, to = 0;
    if (!bytes)
        return false;
    for (uint32_t i = s->first[index]; i < s->first[index + 1]; i++) {
        memcpy(bytes + to, old->bytes + from, (size_t)(s->cuts[i].offset - from));
        to += s->cuts[i].offset - from;
        from = (uint64_t)s->cuts[i].offset + s->cuts[i].size;
    }
    memcpy(bytes + to, old->bytes + from, (size_t)(old->size - from));
    s->sections[index].bytes = bytes;
    s->sections[index].size = to + (old->size - from);
    write_changes(s, index, bytes);
    return true;
}

/* A label of the section is a symbol that moves itself; one that counts from the section's start is moved here. */
static oj_status move_relocs(shrinker *s, uint32_t index)
{
    const oji_section *section = &s->object->sections[index];
    for (uint32_t i = 0; i < section->n_relocs; i++) {
        oji_reloc *reloc = &s->relocs[(size_t)(section->relocs - s->object->relocs) + i];
        const oji_symbol *symbol = &s->object->symbols[reloc->symbol];
        uint64_t offset = new_offset(s, index, reloc->offset), width = oji_rv_width(reloc->kind);
        /* A field that a cut runs through would be read from other bytes, or from behind the end. */
        if (new_offset(s, index, reloc->offset + width) - offset != width)
            return fail_reloc(s, index, &section->relocs[i], "is in bytes that are cut out");
        reloc->offset = (uint32_t)offset;
        if (symbol->type == OJ_SYMBOL_SECTION && symbol->section < s->object->n_sections &&
            !oji_rv_is_pcrel_lo(reloc->kind) && reloc->addend > 0 &&
            (uint64_t)reloc->addend <= s->object->sections[symbol->section].size)
            reloc->addend = (int64_t)new_offset(s, symbol->section, (uint64_t)reloc->addend);
    }
    return OJ_OK;
}

/* A copy of symbols of the object, where the cuts have moved them. NULL where memory ends. */
static oji_symbol *move_symbols(const shrinker *s, const oji_symbol *symbols)
{
    const oj_object *object = s->object;
    oji_symbol *moved = oji_arena_array(s->relaxing->arena, object->n_symbols, sizeof *moved);
    if (!moved)
        return NULL;
    memcpy(moved, symbols, object->n_symbols * sizeof *moved);
    for (uint32_t i = 1; i < object->n_symbols; i++) {
        oji_symbol *symbol = &moved[i];
        uint64_t value = symbol->value, end;
        if (symbol->section >= object->n_sections)
            continue;
        symbol->value = new_offset(s, symbol->section, value);
        if (oji_add(value, symbol->size, &end) && end <= object->sections[symbol->section].size)
            symbol->size = new_offset(s, symbol->section, end) - symbol->value;
    }
    return moved;
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

/* Copies of everything that may change, and room for all cuts there can be. */
static bool prepare(shrinker *s)
{
    const oj_object *object = s->object;
    oji_arena *arena = s->relaxing->arena;
    uint64_t n_relocs = 0, n_cuts = 1;
    for (uint32_t i = 0; i < object->n_sections; i++) {
        const oji_section *section = &object->sections[i];
        n_relocs += section->n_relocs;
        for (uint32_t k = 0; section->kind == OJ_SECTION_CODE && k < section->n_relocs; k++)
            n_cuts += section->relocs[k].kind == OJI_RV_ALIGN || is_relaxed(section, k);
    }
    s->cuts = oji_arena_array(arena, n_cuts, sizeof *s->cuts);
    s->first = oji_arena_array(arena, (uint64_t)object->n_sections + 1, sizeof *s->first);
    s->sections = oji_arena_array(arena, object->n_sections, sizeof *s->sections);
    s->relocs = oji_arena_array(arena, n_relocs, sizeof *s->relocs);
    if (!s->cuts || !s->first || !s->sections || !s->relocs)
        return false;
    memcpy(s->sections, object->sections, object->n_sections * sizeof *s->sections);
    memcpy(s->relocs, object->relocs, (size_t)n_relocs * sizeof *s->relocs);
    for (uint32_t i = 0; i < object->n_sections; i++)
        if (s->sections[i].n_relocs > 0)
            s->sections[i].relocs = s->relocs + (object->sections[i].relocs - object->relocs);
    return true;
}

/* All cuts are planned before anything moves: a relocation's symbol may be in any section. */
oj_status oji_riscv_relax(oji_relaxing *relaxing, oj_error *error)
{
    const oj_object *object = relaxing->object;
    shrinker s = {.relaxing = relaxing, .object = object, .error = error, .is_64 = object->arch == OJI_ARCH_RISCV64};
    oj_object *shrunk = oji_arena_array(relaxing->arena, 1, sizeof *shrunk);
    if (!shrunk || !prepare(&s))
        return fail_nomem(error);
    for (uint32_t i = 0; i < object->n_sections; i++)
        OJI_TRY(plan_section(&s, i));
    for (uint32_t i = 0; i < object->n_sections; i++) {
        if (object->sections[i].n_relocs > 0)
            OJI_TRY(move_relocs(&s, i));
        if (s.first[i] < s.first[i + 1] && !shorten_bytes(&s, i))
            return fail_nomem(error);
    }
    *shrunk = *object;
    shrunk->sections = s.sections;
    shrunk->relocs = s.relocs;
    shrunk->symbols = move_symbols(&s, object->symbols);
    relaxing->shrunk = shrunk;
    relaxing->shrunk_symbols =
        relaxing->symbols == object->symbols ? shrunk->symbols : move_symbols(&s, relaxing->symbols);
    return shrunk->symbols && relaxing->shrunk_symbols ? OJ_OK : fail_nomem(error);
}
