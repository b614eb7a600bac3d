/* Which units a step links: the closure of what is wanted. Phase one of linking, on names alone; no memory is asked
 * for.
 *
 * A definition that was chosen may lose its name again, when IR turns out to define it strongly or a member of an
 * archive brings a better one. So references are followed again until nothing has changed meanwhile. What a step takes
 * in vain is linked with it: it would have been part of a static link, too. */
#include "session/session.h"

/* --- archives ----------------------------------------------------------------------------------------------------- */

/* Make a unit of a member that is none yet. Its definitions may be better than the chosen ones: the version tells. */
static oj_status add_member(oji_session_step *step, oj_module *module, const oj_object *object, oji_session_unit **out,
                            oj_error *error)
{
    oj_session *session = step->session;
    oji_session_unit *unit = oji_allocate_zeroed(&session->allocator, sizeof *unit);
    oj_status status;
    if (!unit)
        return oji_fail_nomem(error, sizeof *unit, "a member of an archive");
    unit->module = module;
    status = oji_session_define_unit(session, unit, object, error);
    if (status != OJ_OK) {
        oji_release(&session->allocator, unit, sizeof *unit);
        return status;
    }
    unit->member = object;
    unit->next = module->units;
    module->units = unit;
    *out = unit;
    return OJ_OK;
}

/* An index may name a member that does not define what it says: it must not be linked twice. */
static bool is_pulled(const oj_module *module, const oj_object *object)
{
    for (const oji_session_unit *unit = module->units; unit; unit = unit->next)
        if (unit->member == object)
            return true;
    return false;
}

/* The member that defines the name, NULL where there is none or it is pulled already. */
static oj_status find_member(const oj_module *module, const char *name, size_t name_size, const oj_object **object,
                             oj_error *error)
{
    uint32_t member;
    *object = NULL;
    if (!module->archive->find(module->archive, name, name_size, &member))
        return OJ_OK;
    OJI_TRY(module->archive->load(module->archive, member, object, error));
    if (is_pulled(module, *object))
        *object = NULL;
    return OJ_OK;
}

oj_status oji_session_pull(oji_session_step *step, oj_module *module, const char *name, size_t name_size,
                           oji_session_unit **pulled, oj_error *error)
{
    const oj_object *object;
    *pulled = NULL;
    OJI_TRY(find_member(module, name, name_size, &object, error));
    if (!object)
        return OJ_OK;
    OJI_TRY(add_member(step, module, object, pulled, error));
    return oji_session_take_unit(step, *pulled, error);
}

static bool is_seen(const oji_session_step *step, const oji_session_unit *unit, const char *name, size_t name_size)
{
    const oji_session_name *found = oji_session_find(step->session, name, name_size);
    return found && (unit ? oji_session_choose_for(found, unit) : oji_session_choose(found));
}

static bool defines_hidden(const oj_object *object, const char *name, size_t name_size)
{
    for (uint32_t i = object->first_global; i < object->n_symbols; i++) {
        const oji_symbol *symbol = &object->symbols[i];
        if (symbol->section != OJI_SECTION_UNDEFINED && symbol->visibility != OJ_SYMBOL_DEFAULT &&
            symbol->visibility != OJ_SYMBOL_PROTECTED && symbol->name_size == name_size &&
            memcmp(symbol->name, name, name_size) == 0)
            return true;
    }
    return false;
}

/* Names that an archive hides come before those of archives that were added before it. */
static oj_status pull_hidden(oji_session_step *step, oj_module *module, const char *name, size_t name_size,
                             oji_session_unit **pulled, oj_error *error)
{
    const oj_object *object;
    *pulled = NULL;
    OJI_TRY(find_member(module, name, name_size, &object, error));
    return object && defines_hidden(object, name, name_size)
               ? oji_session_pull(step, module, name, name_size, pulled, error)
               : OJ_OK;
}

/* In the order of adding, until the unit (NULL: the client) sees the name: a member may hide it, or not have it. */
static oj_status pull_from_any(oji_session_step *step, const oji_session_unit *unit, const char *name, size_t name_size,
                               oj_error *error)
{
    oji_session_unit *pulled = NULL;
    if (unit && unit->member)
        OJI_TRY(pull_hidden(step, unit->module, name, name_size, &pulled, error));
    for (oj_module *module = step->session->first_module; module; module = module->next) {
        if (pulled && is_seen(step, unit, name, name_size))
            break;
        if (module->kind == OJI_MODULE_ARCHIVE)
            OJI_TRY(oji_session_pull(step, module, name, name_size, &pulled, error));
    }
    return OJ_OK;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

/* Names that the linker makes itself for each link: nobody else is asked. */
static bool is_linkers(const char *name, size_t name_size)
{
    static const char got[] = "_GLOBAL_OFFSET_TABLE_", handle[] = "__dso_handle";
    return (name_size == sizeof got - 1 && memcmp(name, got, sizeof got - 1) == 0) ||
           (name_size == sizeof handle - 1 && memcmp(name, handle, sizeof handle - 1) == 0) ||
           (name_size > 8 && memcmp(name, "__start_", 8) == 0) || (name_size > 7 && memcmp(name, "__stop_", 7) == 0);
}

/* IR that may define more than it is known to; NULL where there is none. */
static oj_module *next_unknown(const oj_session *session)
{
    oj_module *found = NULL;
    for (oj_module *module = session->uncompiled; module; module = module->next_uncompiled)
        if (module->may_define_more && (!found || module->sequence < found->sequence))
            found = module;
    return found;
}

/* The definition that an object has, IR being compiled for it; NULL where no module has one. Each round compiles a
 * module or ends. */
static oj_status choose(oji_session_step *step, const char *name, size_t name_size, oji_session_definition **chosen,
                        oj_error *error)
{
    for (;;) {
        const oji_session_name *found = oji_session_find(step->session, name, name_size);
        oji_session_definition *d = found ? oji_session_choose(found) : NULL;
        oj_module *unknown;
        *chosen = d;
        if (d && !d->is_hint)
            return OJ_OK;
        if (d) {
            OJI_TRY(oji_session_compile(step->session, d->unit->module, error));
            continue;
        }
        unknown = is_linkers(name, name_size) ? NULL : next_unknown(step->session);
        if (!unknown)
            return OJ_OK;
        OJI_TRY(oji_session_compile(step->session, unknown, error));
    }
}

/* Take the unit that has a name's definition, as another unit sees it; NULL: as the client does. Weak references pull
 * no member (gABI chapter 4, "Symbol Table"). */
static oj_status need(oji_session_step *step, const oji_session_unit *unit, const char *name, size_t name_size,
                      bool may_pull, oj_error *error)
{
    const oji_session_name *known = unit ? oji_session_find(step->session, name, name_size) : NULL;
    oji_session_definition *chosen = known ? oji_session_choose_for(known, unit) : NULL;
    if (chosen && chosen->is_own)
        return oji_session_take_unit(step, chosen->unit, error);
    OJI_TRY(choose(step, name, name_size, &chosen, error));
    if (chosen)
        return chosen->unit ? oji_session_take_unit(step, chosen->unit, error) : OJ_OK;
    return may_pull ? pull_from_any(step, unit, name, name_size, error) : OJ_OK;
}

/* --- units -------------------------------------------------------------------------------------------------------- */

oj_status oji_session_take_unit(oji_session_step *step, oji_session_unit *unit, oj_error *error)
{
    if (unit->code || unit->is_in_step)
        return OJ_OK;
    if (!unit->object)
        OJI_TRY(oji_session_compile(step->session, unit->module, error));
    unit->is_in_step = true;
    unit->seen_version = UINT64_MAX;
    unit->next_in_step = NULL;
    if (step->last)
        step->last->next_in_step = unit;
    else
        step->first = unit;
    step->last = unit;
    return OJ_OK;
}

/* Definitions of default visibility too: another unit's may come before them. */
static bool is_open(const oji_symbol *symbol)
{
    if (!(symbol->uses & OJI_USE_REFERENCED) || symbol->name_size == 0)
        return false;
    return symbol->section == OJI_SECTION_UNDEFINED || symbol->visibility == OJ_SYMBOL_DEFAULT;
}

static oj_status follow(oji_session_step *step, oji_session_unit *unit, oj_error *error)
{
    const oj_object *object = unit->object;
    unit->seen_version = step->session->version;
    for (uint32_t i = object->first_global; i < object->n_symbols; i++) {
        const oji_symbol *symbol = &object->symbols[i];
        bool may_pull = symbol->section == OJI_SECTION_UNDEFINED && symbol->binding != OJ_SYMBOL_WEAK;
        if (is_open(symbol))
            OJI_TRY(need(step, unit, symbol->name, symbol->name_size, may_pull, error));
    }
    return OJ_OK;
}

/* Ends: a round that goes on has compiled a module or pulled a member, of which there are finitely many. */
oj_status oji_session_close(oji_session_step *step, oj_error *error)
{
    oj_session *session = step->session;
    uint64_t version;
    do {
        version = session->version;
        if (step->wanted)
            OJI_TRY(need(step, NULL, step->wanted, strlen(step->wanted), true, error));
        for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step)
            if (unit->seen_version != session->version)
                OJI_TRY(follow(step, unit, error));
    } while (version != session->version);
    return OJ_OK;
}

/* --- the end of a step -------------------------------------------------------------------------------------------- */

static void drop_member(oj_session *session, oji_session_unit *unit)
{
    oji_session_unit **link = &unit->module->units;
    while (*link != unit)
        link = &(*link)->next;
    *link = unit->next;
    oji_session_end_unit(session, unit);
    oji_release(&session->allocator, unit, sizeof *unit);
}

/* A member that is in the step was pulled by it: those of earlier steps are linked. Edges end before units, which they
 * point at. */
void oji_session_abandon(oji_session_step *step)
{
    for (oji_session_unit *unit = step->first; unit; unit = unit->next_in_step)
        oji_session_drop_uses(step->session, unit, false);
    for (oji_session_unit *unit = step->first, *next; unit; unit = next) {
        next = unit->next_in_step;
        unit->is_in_step = false;
        unit->next_in_step = NULL;
        if (unit->member)
            drop_member(step->session, unit);
    }
}
