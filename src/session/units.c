/* A unit: its definitions, what its code refers to, and its end. */
#include "session/session.h"

/* --- definitions -------------------------------------------------------------------------------------------------- */

oji_session_definition *oji_session_allocate_definitions(oj_session *session, oji_session_unit *unit, uint32_t n)
{
    oji_session_definition *definitions = oji_allocate_zeroed(&session->allocator, (uint64_t)n * sizeof *definitions);
    for (uint32_t i = 0; definitions && i < n; i++) {
        definitions[i].unit = unit;
        definitions[i].sequence = unit->module->sequence;
    }
    return definitions;
}

void oji_session_free_definitions(oj_session *session, oji_session_definition *definitions, uint32_t n_entered,
                                  uint32_t n)
{
    for (uint32_t i = 0; i < n_entered; i++) {
        if (definitions[i].is_lost)
            definitions[i].name->n_lost--;
        else
            oji_session_leave(session, &definitions[i]);
        oji_session_drop_name(session, definitions[i].name);
    }
    oji_release(&session->allocator, definitions, (uint64_t)n * sizeof *definitions);
}

static bool is_hidden(const oji_symbol *symbol)
{
    return symbol->visibility == OJ_SYMBOL_HIDDEN || symbol->visibility == OJ_SYMBOL_INTERNAL;
}

/* Hidden and internal definitions are for their own component alone (gABI chapter 4, "Symbol Visibility"), which may
 * be an archive. */
static bool is_for_others(const oji_session_unit *unit, const oji_symbol *symbol)
{
    return symbol->section != OJI_SECTION_UNDEFINED && symbol->name_size > 0 &&
           (!is_hidden(symbol) || unit->module->kind == OJI_MODULE_ARCHIVE);
}

/* What every user of a group brings along, and what is one for the whole process, may be defined by many modules: the
 * first counts, as for weak definitions. */
static bool is_one_of_many(const oj_object *object, const oji_symbol *symbol)
{
    uint32_t group = symbol->section < object->n_sections ? object->sections[symbol->section].group : 0;
    return symbol->binding == OJ_SYMBOL_WEAK || symbol->binding == OJ_SYMBOL_UNIQUE ||
           (group != 0 && object->groups[group - 1].is_shared);
}

static uint8_t rank_of(const oj_object *object, const oji_symbol *symbol)
{
    if (symbol->section == OJI_SECTION_COMMON)
        return OJI_SESSION_COMMON;
    return is_one_of_many(object, symbol) ? OJI_SESSION_WEAK : OJI_SESSION_STRONG;
}

/* The unit's own hints do not count: what is entered takes their place. Its own definitions do: an object that has two
 * of a name cannot be linked. */
static oji_session_definition *find_other_strong(const oji_session_name *name)
{
    for (oji_session_definition *d = name->n_strong > 0 ? name->first : NULL; d; d = d->next)
        if (d->rank == OJI_SESSION_STRONG && !d->is_hint)
            return d;
    return NULL;
}

/* Who takes the place of data must be as large. Of functions sizes say nothing: each compiler's inline ones differ. */
static bool is_data(const oji_symbol *symbol)
{
    return symbol->section == OJI_SECTION_COMMON || symbol->type == OJ_SYMBOL_DATA ||
           symbol->type == OJ_SYMBOL_THREAD_LOCAL;
}

/* A section's type tells where a symbol's does not. */
static bool is_thread_local(const oj_object *object, const oji_symbol *symbol)
{
    return symbol->type == OJ_SYMBOL_THREAD_LOCAL ||
           (symbol->section < object->n_sections && oji_section_is_tls(&object->sections[symbol->section]));
}

static oj_status enter_symbol(oj_session *session, oji_session_definition *definition, const oj_object *object,
                              const oji_symbol *symbol, oj_error *error)
{
    const oji_session_definition *other;
    definition->name = oji_session_intern(session, symbol->name, symbol->name_size);
    if (!definition->name)
        return oji_fail(error, OJ_E_NOMEM, "out of memory: a session's names");
    definition->rank = rank_of(object, symbol);
    definition->size = is_data(symbol) ? symbol->size : 0;
    if (definition->rank == OJI_SESSION_COMMON)
        definition->alignment_log2 = (uint8_t)__builtin_ctzll(symbol->value);
    definition->is_thread_local = is_thread_local(object, symbol);
    definition->is_own = is_hidden(symbol);
    other = definition->rank == OJI_SESSION_STRONG && !definition->is_own ? find_other_strong(definition->name) : NULL;
    if (other)
        return oji_session_report_duplicate(definition->name, other, definition->unit->module->name, error);
    oji_session_enter(session, definition);
    return OJ_OK;
}

/* Each is entered before the next is made, so that a name is dropped exactly when its last definition leaves. */
static oj_status enter_symbols(oj_session *session, const oji_session_unit *unit, oji_session_definition *definitions,
                               const oj_object *object, uint32_t *n_entered, oj_error *error)
{
    for (uint32_t i = object->first_global; i < object->n_symbols; i++) {
        oj_status status;
        if (!is_for_others(unit, &object->symbols[i]))
            continue;
        status = enter_symbol(session, &definitions[*n_entered], object, &object->symbols[i], error);
        if (status != OJ_OK && definitions[*n_entered].name)
            oji_session_drop_name(session, definitions[*n_entered].name);
        OJI_TRY(status);
        ++*n_entered;
    }
    return OJ_OK;
}

oj_status oji_session_define_unit(oj_session *session, oji_session_unit *unit, const oj_object *object, oj_error *error)
{
    oji_session_definition *definitions;
    uint32_t n = 0, n_entered = 0;
    oj_status status;
    for (uint32_t i = object->first_global; i < object->n_symbols; i++)
        n += is_for_others(unit, &object->symbols[i]);
    definitions = oji_session_allocate_definitions(session, unit, n);
    if (!definitions)
        return oji_fail_nomem(error, (uint64_t)n * sizeof *definitions, "a module's definitions");
    status = enter_symbols(session, unit, definitions, object, &n_entered, error);
    if (status != OJ_OK) {
        oji_session_free_definitions(session, definitions, n_entered, n);
        return status;
    }
    oji_session_free_definitions(session, unit->definitions, unit->n_definitions, unit->n_definitions);
    unit->definitions = definitions;
    unit->n_definitions = n;
    unit->object = object;
    unit->arch = (uint8_t)object->arch;
    unit->abi = object->abi;
    return OJ_OK;
}

/* --- who refers to whom ------------------------------------------------------------------------------------------- */

/* One edge for each pair: last_user tells whether it is there, because a unit's edges are all made in one go. */
bool oji_session_add_edge(oj_session *session, oji_session_unit *from, oji_session_unit *to,
                          const oji_session_name *name)
{
    oji_session_edge *edge;
    if (to->last_user && to->last_user->from == from)
        return true;
    edge = oji_allocate_zeroed(&session->allocator, sizeof *edge);
    if (!edge)
        return false;
    edge->from = from;
    edge->to = to;
    edge->name = name;
    edge->next_use = from->uses;
    if (edge->next_use)
        edge->next_use->previous_use = edge;
    from->uses = edge;
    to->last_user = edge;
    return true;
}

void oji_session_attach_edges(oji_session_unit *unit)
{
    for (oji_session_edge *edge = unit->uses; edge; edge = edge->next_use) {
        edge->to->last_user = NULL;
        edge->next_user = edge->to->users;
        if (edge->next_user)
            edge->next_user->previous_user = edge;
        edge->to->users = edge;
    }
}

void oji_session_drop_uses(oj_session *session, oji_session_unit *unit, bool is_attached)
{
    for (oji_session_edge *edge = unit->uses, *next; edge; edge = next) {
        next = edge->next_use;
        edge->to->last_user = NULL;
        if (is_attached && edge->previous_user)
            edge->previous_user->next_user = edge->next_user;
        else if (is_attached)
            edge->to->users = edge->next_user;
        if (is_attached && edge->next_user)
            edge->next_user->previous_user = edge->previous_user;
        oji_release(&session->allocator, edge, sizeof *edge);
    }
    unit->uses = NULL;
}

void oji_session_drop_users(oj_session *session, oji_session_unit *unit)
{
    for (oji_session_edge *edge = unit->users, *next; edge; edge = next) {
        next = edge->next_user;
        if (edge->previous_use)
            edge->previous_use->next_use = edge->next_use;
        else
            edge->from->uses = edge->next_use;
        if (edge->next_use)
            edge->next_use->previous_use = edge->previous_use;
        oji_release(&session->allocator, edge, sizeof *edge);
    }
    unit->users = NULL;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* The object borrows the bytes. */
void oji_session_release_object(oji_session_unit *unit)
{
    oj_object_destroy(unit->owned);
    oj_bytes_destroy(unit->bytes);
    unit->object = unit->owned = NULL;
    unit->bytes = NULL;
}

static void leave_linked(oj_session *session, oji_session_unit *unit)
{
    session->n_unconstructed -= !unit->is_constructed;
    if (unit->previous_linked)
        unit->previous_linked->next_linked = unit->next_linked;
    else
        session->first_linked = unit->next_linked;
    if (unit->next_linked)
        unit->next_linked->previous_linked = unit->previous_linked;
    else
        session->last_linked = unit->previous_linked;
    pthread_mutex_lock(&session->lock);
    session->stats.n_codes--;
    session->n_waiting -= oji_session_waits(unit);
    unit->module->n_codes--;
    pthread_mutex_unlock(&session->lock);
}

/* Names go before edges: an edge's name lives as long as what it refers to. */
void oji_session_end_unit(oj_session *session, oji_session_unit *unit)
{
    if (unit->code)
        leave_linked(session, unit);
    else
        oji_session_drop_uses(session, unit, false);
    oji_session_drop_users(session, unit);
    oji_session_free_definitions(session, unit->definitions, unit->n_definitions, unit->n_definitions);
    unit->definitions = NULL;
    unit->n_definitions = 0;
    unit->linked = unit->code;
    unit->code = NULL;
    oji_session_release_object(unit);
}
