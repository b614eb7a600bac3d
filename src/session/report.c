/* The messages of a step that failed. */
#include "session/session.h"

#include <stdio.h>

static uint64_t hash_of(const char *name) { return oji_hash(name, strlen(name)); }

/* NULL where the name is not listed. */
static oj_undefined *find_undefined(const oji_session_step *step, const char *name)
{
    uint32_t cursor = 0, index;
    uint64_t hash = hash_of(name);
    while (step->n_undefined > 0 && (index = oji_table_next(&step->undefined_by_name, hash, &cursor)) != OJI_TABLE_NONE)
        if (strcmp(step->undefined[index].name, name) == 0)
            return &step->undefined[index];
    return NULL;
}

/* Twice the room each time: the tables that are left in the arena are together smaller than the last. Where there is no
 * memory the last one stays, because names go on to be looked up: the linker tells of all of a unit's. */
static bool grow_table(oji_session_step *step)
{
    uint64_t capacity = step->n_undefined < 8 ? 16 : (uint64_t)step->n_undefined * 2;
    oji_table larger;
    if (capacity > UINT32_MAX / 4 || !oji_table_init(&larger, &step->arena, capacity))
        return false;
    step->undefined_by_name = larger;
    step->undefined_by_name_capacity = (uint32_t)capacity;
    for (uint32_t i = 0; i < step->n_undefined; i++)
        oji_table_add(&step->undefined_by_name, hash_of(step->undefined[i].name), i);
    return true;
}

static bool add_undefined(oji_session_step *step, const oj_undefined *undefined)
{
    void *grown = step->undefined;
    if (step->n_undefined == step->undefined_by_name_capacity && !grow_table(step))
        return false;
    if (!oji_arena_grow(&step->arena, &grown, step->n_undefined, &step->undefined_capacity, sizeof *step->undefined))
        return false;
    step->undefined = grown;
    step->undefined[step->n_undefined] = *undefined;
    oji_table_add(&step->undefined_by_name, hash_of(undefined->name), step->n_undefined++);
    return true;
}

/* The linker's texts belong to objects, which outlive the step. A name that several units refer to is told once. */
void oji_session_note_undefined(void *context, const oj_undefined *undefined)
{
    oji_session_step *step = context;
    oj_undefined *known = find_undefined(step, undefined->name);
    if (known)
        known->n_references += undefined->n_references;
    else if (!add_undefined(step, undefined))
        step->is_out_of_memory = true;
}

/* Append one name with its place, if it fits as a whole. */
static bool append(char *text, size_t capacity, size_t *length, const oj_undefined *undefined)
{
    int written =
        snprintf(text + *length, capacity - *length, "%s'%s' (%s, %s+0x%llx)", *length ? ", " : "", undefined->name,
                 undefined->object, undefined->section, (unsigned long long)undefined->offset);
    if (written < 0 || (size_t)written >= capacity - *length) {
        text[*length] = '\0';
        return false;
    }
    *length += (size_t)written;
    return true;
}

oj_status oji_session_report_undefined(oji_session_step *step, oj_error *error)
{
    const oj_session_options *options = &step->session->options;
    const oj_undefined *first = &step->undefined[0];
    const oji_place place = {
        .object = first->object, .section = first->section, .symbol = first->name, .offset = first->offset};
    char list[1200] = "";
    size_t length = 0;
    uint32_t n_listed = 0;
    bool fits = true;
    for (uint32_t i = 0; i < step->n_undefined; i++) {
        if (options->undefined)
            options->undefined(options->undefined_context, &step->undefined[i]);
        fits = fits && append(list, sizeof list, &length, &step->undefined[i]);
        n_listed += fits;
    }
    if (n_listed < step->n_undefined)
        return oji_fail_at(error, OJ_E_UNDEFINED, &place, "%u undefined symbols: %s and %u more", step->n_undefined,
                           list, step->n_undefined - n_listed);
    return oji_fail_at(error, OJ_E_UNDEFINED, &place, "%u undefined symbol%s: %s", step->n_undefined,
                       step->n_undefined == 1 ? "" : "s", list);
}

oj_status oji_session_report_not_found(const char *name, oj_error *error)
{
    const oji_place place = {.symbol = name, .offset = UINT64_MAX};
    return oji_fail_at(error, OJ_E_NOT_FOUND, &place, "no module of the session defines '%s'", name);
}

oj_status oji_session_report_thread_local(const oji_session_definition *definition, const char *user, oj_error *error)
{
    const char *name = definition->name->text;
    const oji_place place = {.object = user, .symbol = name, .offset = UINT64_MAX};
    return oji_fail_at(error, OJ_E_MALFORMED, &place, "'%s' is thread-local in %s and is not in %s", name,
                       definition->unit->module->name, user);
}

oj_status oji_session_report_given_away(const oji_session_definition *definition, const char *user, oj_error *error)
{
    const char *name = definition->name->text, *other = definition->unit->module->name;
    const oji_place place = {.object = user, .symbol = name, .offset = UINT64_MAX};
    return oji_fail_at(error, OJ_E_UNSUPPORTED, &place,
                       "%s refers to the thread-local '%s' of %s, in whose place that uses a resolver's: link %s first",
                       user, name, other, other);
}

oj_status oji_session_report_room(const oji_session_definition *linked, const oji_session_definition *own,
                                  oj_error *error)
{
    const char *name = own->name->text, *user = own->unit->module->name;
    const oji_place place = {.object = user, .symbol = name, .offset = UINT64_MAX};
    char alignment[40] = "";
    if (own->rank == OJI_SESSION_COMMON)
        snprintf(alignment, sizeof alignment, ", alignment %llu", 1ULL << own->alignment_log2);
    return oji_fail_at(error, OJ_E_DUPLICATE, &place,
                       "'%s' is linked as %s has it, at 0x%llx with %llu bytes, and %s needs %llu bytes%s", name,
                       linked->unit->module->name, (unsigned long long)linked->addr, (unsigned long long)linked->size,
                       user, (unsigned long long)own->size, alignment);
}

oj_status oji_session_report_architecture(const oji_session_definition *definition, const oji_session_unit *user,
                                          oj_error *error)
{
    const char *name = definition->name->text, *other = definition->unit->module->name;
    const oji_place place = {.object = user->module->name, .symbol = name, .offset = UINT64_MAX};
    if (user->arch != definition->unit->arch)
        return oji_fail_at(error, OJ_E_ARCHITECTURE, &place, "%s is for %s and refers to '%s' of %s, which is for %s",
                           place.object, oji_arch_name(user->arch), name, other, oji_arch_name(definition->unit->arch));
    return oji_fail_at(error, OJ_E_ARCHITECTURE, &place,
                       "%s refers to '%s' of %s, which passes floating-point numbers or has registers otherwise: "
                       "their calls of one another cannot work",
                       place.object, name, other);
}

/* The place names the second: it is the module that does not belong. */
oj_status oji_session_report_duplicate(const oji_session_name *name, const oji_session_definition *first,
                                       const char *second, oj_error *error)
{
    const oji_place place = {.object = second, .symbol = name->text, .offset = UINT64_MAX};
    return oji_fail_at(error, OJ_E_DUPLICATE, &place, "'%s' is defined by %s and again by %s", name->text,
                       first->unit ? first->unit->module->name : "oj_session_define()",
                       second ? second : "oj_session_define()");
}
