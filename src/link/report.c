/* The messages of failed links. Nothing here runs when a link succeeds, so it may search. */
#include "link/link.h"

#include <stdio.h>

/* The first relocation, in a loaded section, whose symbol has this name. object is NULL where a name is only wanted, or
 * where no loaded section refers to it. */
typedef struct link_reference {
    const oj_object *object;
    const oji_section *section;
    const oji_reloc *reloc;
    uint64_t n_references;
} link_reference;

/* Kinds of relocation that hold a symbol's own distance or low address, with no GOT entry or stub between. Of an
 * architecture's own nothing tells those that reach everything: a message may name such a one. */
static bool is_direct(const oji_arch *arch, const oji_reloc *reloc)
{
    if (reloc->kind >= OJI_RELOC_OF_ARCH)
        return arch->needs(reloc->kind) == 0;
    switch (reloc->kind) {
    case OJI_RELOC_ABS32:
    case OJI_RELOC_ABS32S:
    case OJI_RELOC_ABS16:
    case OJI_RELOC_ABS8:
    case OJI_RELOC_PC32:
    case OJI_RELOC_PC16:
    case OJI_RELOC_PC8:
        return true;
    default:
        return false;
    }
}

/* Walks every relocation of what is linked. */
static void visit_references(const oj_plan *plan, void *context,
                             void (*visit)(void *context, const oji_link_member *member, const oji_section *section,
                                           const oji_reloc *reloc))
{
    for (uint32_t m = 0; m < plan->n_members; m++) {
        const oji_link_member *member = &plan->members[m];
        for (uint32_t s = 0; s < member->object->n_sections; s++) {
            const oji_section *section = &member->object->sections[s];
            if (!oji_section_is_loaded(section) || member->slots[s].segment == OJI_NONE)
                continue;
            for (uint32_t i = 0; i < section->n_relocs; i++)
                visit(context, member, section, &section->relocs[i]);
        }
    }
}

static void count_reference(link_reference *found, const oji_link_member *member, const oji_section *section,
                            const oji_reloc *reloc)
{
    if (found->n_references++ == 0) {
        found->object = member->object;
        found->section = section;
        found->reloc = reloc;
    }
}

/* What find_direct() looks for. */
typedef struct search {
    const oj_plan *plan;
    const oji_link_name *name;
    link_reference found;
} search;

static void find_direct(void *context, const oji_link_member *member, const oji_section *section,
                        const oji_reloc *reloc)
{
    search *s = context;
    if (oji_link_name_of(s->plan, member, reloc->symbol) == s->name && is_direct(s->plan->arch, reloc))
        count_reference(&s->found, member, section, reloc);
}

/* One for each name: all that are undefined are told, and each may have as many references as there are. */
typedef struct listing {
    const oj_plan *plan;
    link_reference *references;
} listing;

static void list_reference(void *context, const oji_link_member *member, const oji_section *section,
                           const oji_reloc *reloc)
{
    const listing *l = context;
    const oji_link_name *name = oji_link_name_of(l->plan, member, reloc->symbol);
    if (name)
        count_reference(&l->references[name - l->plan->names], member, section, reloc);
}

/* Texts are lent by objects; oji_fail_at() copies them. */
static oji_place place_of(const link_reference *reference, const char *symbol)
{
    oji_place place = {.symbol = symbol, .offset = UINT64_MAX};
    if (reference->reloc) {
        place.object = reference->object->name;
        place.section = reference->section->name;
        place.relocation = oji_object_reloc_name(reference->object, reference->reloc);
        place.offset = reference->reloc->offset;
    }
    return place;
}

/* What other linkers define in a whole program: a link has several segments, and bounds of none. */
static const char *explain(const char *name)
{
    static const char *const bounds[] = {
        "_end", "end", "_edata", "edata", "_etext", "etext", "__bss_start", "__ehdr_start", "__executable_start"};
    for (size_t i = 0; i < OJI_COUNT(bounds); i++)
        if (strcmp(name, bounds[i]) == 0)
            return ": a bound of a program, which code in memory is not";
    return "";
}

/* Append to a text of fixed size; false where it did not fit. What did not fit leaves no trace: a name that is cut
 * would read like another name. */
static bool append(char *text, size_t capacity, size_t *length, const char *name, const link_reference *reference)
{
    int written =
        snprintf(text + *length, capacity - *length, "%s'%s' (%s, %s+0x%llx%s)", *length ? ", " : "", name,
                 reference->object ? reference->object->name : "", reference->section ? reference->section->name : "",
                 (unsigned long long)(reference->reloc ? reference->reloc->offset : 0), explain(name));
    if (written < 0 || (size_t)written >= capacity - *length) {
        text[*length] = '\0';
        return false;
    }
    *length += (size_t)written;
    return true;
}

/* A name to which all references are weak is 0, not undefined (gABI chapter 4, "Symbol Table"). */
static bool is_undefined(const oji_link_name *name)
{
    return name->definition == OJI_LINK_UNDEFINED && name->is_strong_reference;
}

/* Called for every undefined name, the message's list being cut. Nothing is placed yet, and no lock is held. */
static void tell_client(const oj_plan *plan, const oji_link_name *name, const link_reference *reference)
{
    oj_undefined undefined = {.name = name->name, .object = "", .section = ""};
    if (!plan->options.undefined)
        return;
    if (reference->reloc) {
        undefined.object = reference->object->name;
        undefined.section = reference->section->name;
        undefined.offset = reference->reloc->offset;
        undefined.n_references = reference->n_references;
    }
    plan->options.undefined(plan->options.undefined_context, &undefined);
}

/* 64 bytes are kept for what stands around the list. The error's place is that of the first name; once a name has
 * not fitted none is added, so that the list is a prefix of what there is. */
oj_status oji_link_report_undefined(oj_plan *plan, oj_error *error)
{
    listing all = {.plan = plan, .references = oji_arena_array(&plan->arena, plan->n_names, sizeof *all.references)};
    char list[sizeof error->text - 64];
    size_t length = 0;
    uint32_t n = 0, n_listed = 0;
    bool fits = true;
    oji_place place = {.offset = UINT64_MAX};
    list[0] = '\0';
    if (!all.references)
        return oji_fail(error, OJ_E_NOMEM, "out of memory: a list of undefined symbols");
    visit_references(plan, &all, list_reference);
    for (uint32_t i = 0; i < plan->n_names; i++) {
        const oji_link_name *name = &plan->names[i];
        if (!is_undefined(name))
            continue;
        if (n++ == 0)
            place = place_of(&all.references[i], name->name);
        tell_client(plan, name, &all.references[i]);
        fits = fits && append(list, sizeof list, &length, name->name, &all.references[i]);
        n_listed += fits;
    }
    if (n_listed < n)
        return oji_fail_at(error, OJ_E_UNDEFINED, &place, "%u undefined symbols: %s and %u more", n, list,
                           n - n_listed);
    return oji_fail_at(error, OJ_E_UNDEFINED, &place, "%u undefined symbol%s: %s", n, n == 1 ? "" : "s", list);
}

/* The place names the second: it is the object that does not belong. */
oj_status oji_link_report_duplicate(const oj_plan *plan, const char *name, uint32_t first, uint32_t second,
                                    oj_error *error)
{
    const oji_place place = {.object = plan->members[second].object->name, .symbol = name, .offset = UINT64_MAX};
    return oji_fail_at(error, OJ_E_DUPLICATE, &place, "'%s' is defined by %s and again by %s", name,
                       plan->members[first].object->name, place.object);
}

/* Section symbols have no name of their own: the section's stands for it. */
oj_status oji_link_report_range(const oj_plan *plan, oji_link_ref section, uint32_t index, const oji_fixups *fixups,
                                oj_error *error)
{
    static const char *const reasons[] = {[OJI_MISFIT_RANGE] = "does not fit",
                                          [OJI_MISFIT_ALIGNMENT] = "is not aligned as the field needs it",
                                          [OJI_MISFIT_ENTRY] = "has no GOT entry",
                                          [OJI_MISFIT_PAIR] = "lacks the relocation that it belongs to"};
    const oj_object *object = plan->members[section.member].object;
    const oji_section *where = &object->sections[section.symbol];
    const oji_reloc *reloc = &where->relocs[index];
    const oji_symbol *symbol = &object->symbols[reloc->symbol];
    const oji_place place = {.object = object->name,
                             .section = where->name,
                             .relocation = oji_object_reloc_name(object, reloc),
                             .symbol = symbol->type == OJ_SYMBOL_SECTION && oji_link_is_inside(symbol)
                                           ? object->sections[symbol->section].name
                                           : symbol->name,
                             .offset = reloc->offset};
    return oji_fail_at(error, OJ_E_RANGE, &place,
                       "%s, %s+0x%llx: %s against '%s'%+lld %s: the field is at 0x%llx, the symbol at 0x%llx",
                       object->name, where->name, (unsigned long long)reloc->offset, place.relocation, place.symbol,
                       (long long)reloc->addend, reasons[fixups->misfit],
                       (unsigned long long)(fixups->run_addr + reloc->offset),
                       (unsigned long long)fixups->targets[reloc->symbol].addr);
}

/* The relocation is searched for: there is one, in a section that is taken. */
oj_status oji_link_report_left_out(const oj_plan *plan, uint32_t member, uint32_t symbol, oj_error *error)
{
    const oji_link_member *m = &plan->members[member];
    const oji_section *owner = &m->object->sections[m->symbols[symbol].section];
    const char *name = m->symbols[symbol].name[0] ? m->symbols[symbol].name : owner->name;
    link_reference found = {.object = m->object};
    for (uint32_t s = 0; s < m->object->n_sections && !found.reloc; s++) {
        const oji_section *section = &m->object->sections[s];
        bool may_tell = (section->flags & OJI_SECTION_TELLS) != 0;
        if (!oji_section_is_loaded(section) || m->slots[s].segment == OJI_NONE || may_tell)
            continue;
        for (uint32_t i = 0; i < section->n_relocs && !found.reloc; i++)
            if (section->relocs[i].symbol == symbol) {
                found.section = section;
                found.reloc = &section->relocs[i];
            }
    }
    const oji_place place = place_of(&found, name);
    return oji_fail_at(error, OJ_E_MALFORMED, &place,
                       "%s, %s+0x%llx: refers to '%s' in section %s, of which another object's copy is linked: only "
                       "global symbols of such a section may be referred to",
                       m->object->name, found.section ? found.section->name : "",
                       (unsigned long long)(found.reloc ? found.reloc->offset : 0), name, owner->name);
}

/* Found before memory is asked for, so there is no place address to tell; the first direct reference stands for all. */
oj_status oji_link_report_unreachable(const oj_plan *plan, const oji_link_name *name, oj_error *error)
{
    search direct = {.plan = plan, .name = name};
    visit_references(plan, &direct, find_direct);
    const link_reference *first = &direct.found;
    const oji_place place = place_of(first, name->name);
    return oji_fail_at(error, OJ_E_RANGE, &place,
                       "%s, %s+0x%llx: %s against '%s' cannot reach it at 0x%llx from any address that suits the rest "
                       "of the link; compiled with -fPIC the reference goes through the GOT, which reaches everything",
                       place.object ? place.object : "", place.section ? place.section : "",
                       (unsigned long long)(first->reloc ? first->reloc->offset : 0),
                       place.relocation ? place.relocation : "", name->name, (unsigned long long)name->addr);
}
