/* A session's life, its turn, its absolute symbols, and looking names up. */
#include "session/session.h"

#include "base/caller.h"
#include "code/tls.h"
#include "link/options.h"

/* --- the turn ----------------------------------------------------------------------------------------------------- */

bool oji_session_has_turn(const oj_session *session)
{
    return session->is_turn_taken && pthread_equal(session->turn_owner, oji_caller());
}

/* The lock is held for a few instructions; the turn is what a call keeps while it works and calls back. A thread that
 * was cancelled meanwhile would take either with it: it ends when the turn is over. */
oj_status oji_session_begin(oj_session *session, oj_error *error)
{
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    pthread_mutex_lock(&session->lock);
    if (oji_session_has_turn(session)) {
        pthread_mutex_unlock(&session->lock);
        pthread_setcancelstate(cancel_state, NULL);
        return oji_fail(error, OJ_E_MISUSE, "a callback of a session calls what changes the same session");
    }
    while (session->is_turn_taken)
        pthread_cond_wait(&session->turn_ended, &session->lock);
    session->is_turn_taken = true;
    session->turn_owner = oji_caller();
    session->cancel_state = cancel_state;
    pthread_mutex_unlock(&session->lock);
    return OJ_OK;
}

void oji_session_end(oj_session *session)
{
    int cancel_state;
    pthread_mutex_lock(&session->lock);
    session->is_turn_taken = false;
    cancel_state = session->cancel_state;
    pthread_cond_signal(&session->turn_ended);
    pthread_mutex_unlock(&session->lock);
    pthread_setcancelstate(cancel_state, NULL);
}

/* --- its life ----------------------------------------------------------------------------------------------------- */

static oj_status open_session(oj_session **out, const oj_session_options *options, const oj_allocator *allocator,
                              oj_error *error)
{
    oj_session *session = oji_allocate_zeroed(allocator, sizeof *session);
    int failed;
    if (!session)
        return oji_fail_nomem(error, sizeof *session, "a session");
    session->allocator = *allocator;
    session->options = *options;
    failed = pthread_mutex_init(&session->lock, NULL);
    if (failed == 0) {
        failed = pthread_cond_init(&session->turn_ended, NULL);
        if (failed != 0)
            pthread_mutex_destroy(&session->lock);
    }
    if (failed != 0) {
        oji_release(allocator, session, sizeof *session);
        return oji_fail_system(error, OJ_E_SYSTEM, failed, "a session's lock");
    }
    *out = session;
    return OJ_OK;
}

oj_status oj_session_create(oj_session **out, const oj_session_options *options, oj_error *error)
{
    oj_session_options ours;
    oj_allocator allocator;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "out is NULL");
    *out = NULL;
    OJI_TRY(oji_import(&ours, sizeof ours, sizeof ours, options, "oj_session_options", error));
    OJI_TRY(
        oji_check_flags(ours.flags, OJ_SESSION_NO_PROCESS | OJ_SESSION_CONSTRUCT, "oj_session_options.flags", error));
    OJI_TRY(oji_check_flags(ours.reserved, 0, "oj_session_options.reserved", error));
    OJI_TRY(oji_link_check_flags(ours.link_flags, "oj_session_options.link_flags", error));
    OJI_TRY(oji_allocator_import(&allocator, ours.allocator, error));
    OJI_TRY(open_session(out, &ours, &allocator, error));
    return oji_succeed(error);
}

/* With the turn: what destructors could do to the session by another call is refused. */
static void run_destructors(oj_session *session)
{
    oj_status status = oji_session_begin(session, NULL);
    for (const oji_session_unit *unit = session->last_linked; unit; unit = unit->previous_linked)
        oj_code_destruct(unit->code);
    if (status == OJ_OK)
        oji_session_end(session);
}

/* Codes first, the last linked first, but none before all destructors have run, as they may call each other's code;
 * then what names them. */
void oj_session_destroy(oj_session *session)
{
    oj_allocator allocator;
    if (!session)
        return;
    allocator = session->allocator;
    run_destructors(session);
    while (session->last_linked) {
        oji_session_unit *unit = session->last_linked;
        oji_session_end_unit(session, unit);
        oji_session_drop_uses(session, unit, true);
        oj_code_destroy(unit->linked);
        unit->linked = NULL;
    }
    while (session->first_module) {
        oj_module *module = session->first_module;
        oji_session_detach_module(session, module);
        oji_session_free_module(session, module);
    }
    oji_session_free_names(session);
    pthread_cond_destroy(&session->turn_ended);
    pthread_mutex_destroy(&session->lock);
    oji_release(&allocator, session, sizeof *session);
}

oj_status oj_session_get_stats(oj_session *session, oj_session_stats *stats, size_t out_size)
{
    oj_session_stats ours;
    if (!stats)
        return OJ_E_MISUSE;
    memset(stats, 0, out_size);
    if (!session)
        return OJ_E_MISUSE;
    pthread_mutex_lock(&session->lock);
    ours = session->stats;
    pthread_mutex_unlock(&session->lock);
    oji_export(stats, out_size, &ours, sizeof ours);
    return OJ_OK;
}

size_t oj_session_code_count(oj_session *session)
{
    size_t n;
    if (!session)
        return 0;
    pthread_mutex_lock(&session->lock);
    n = (size_t)session->stats.n_codes;
    pthread_mutex_unlock(&session->lock);
    return n;
}

/* --- absolute symbols --------------------------------------------------------------------------------------------- */

static oj_status check_free(const oji_session_name *name, oj_error *error)
{
    if (name->absolute)
        return oji_session_report_duplicate(name, name->absolute, NULL, error);
    for (const oji_session_definition *d = name->n_strong > 0 ? name->first : NULL; d; d = d->next)
        if (d->rank == OJI_SESSION_STRONG && !d->is_hint)
            return oji_session_report_duplicate(name, d, NULL, error);
    return OJ_OK;
}

/* An absolute symbol whose name has none. What overrides is not listed: it is no rival of what is. */
static oj_status make_absolute(oj_session *session, oji_session_name *name, bool overrides, oj_error *error)
{
    oji_session_definition *made = oji_allocate_zeroed(&session->allocator, sizeof *made);
    if (!made)
        return oji_fail_nomem(error, sizeof *made, "an absolute symbol");
    made->name = name;
    made->sequence = session->next_sequence++;
    made->rank = OJI_SESSION_STRONG;
    name->absolute = made;
    if (!overrides)
        oji_session_enter(session, made);
    return OJ_OK;
}

/* One that replaces another keeps its place: the address is what changes. */
static void set_absolute(oj_session *session, oji_session_name *name, uint64_t addr, bool overrides)
{
    pthread_mutex_lock(&session->lock);
    name->absolute->addr = addr;
    name->overrides = name->overrides || overrides;
    pthread_mutex_unlock(&session->lock);
    oji_session_settle(session, name);
}

static oj_status define(oj_session *session, const char *text, uint64_t addr, bool overrides, oj_error *error)
{
    oji_session_name *name = oji_session_intern(session, text, strlen(text));
    oj_status status = OJ_OK;
    if (!name)
        return oji_fail(error, OJ_E_NOMEM, "out of memory: a session's names");
    if (!overrides)
        status = check_free(name, error);
    if (status == OJ_OK && !name->absolute)
        status = make_absolute(session, name, overrides, error);
    if (status == OJ_OK)
        set_absolute(session, name, addr, overrides);
    else
        oji_session_drop_name(session, name);
    return status;
}

oj_status oj_session_define(oj_session *session, const char *name, uint64_t addr, uint32_t flags, oj_error *error)
{
    oj_status status;
    if (!session || !name || !name[0])
        return oji_fail(error, OJ_E_MISUSE, !session ? "session is NULL" : !name ? "name is NULL" : "name is empty");
    OJI_TRY(oji_check_flags(flags, OJ_DEFINE_OVERRIDE, "oj_session_define() flags", error));
    OJI_TRY(oji_session_begin(session, error));
    status = define(session, name, addr, (flags & OJ_DEFINE_OVERRIDE) != 0, error);
    oji_session_end(session);
    return status == OJ_OK ? oji_succeed(error) : status;
}

static oj_status undefine(oj_session *session, const char *text, oj_error *error)
{
    const oji_place place = {.symbol = text, .offset = UINT64_MAX};
    oji_session_name *name = oji_session_find(session, text, strlen(text));
    oji_session_definition *absolute = name ? name->absolute : NULL;
    if (!absolute)
        return oji_fail_at(error, OJ_E_NOT_FOUND, &place, "the session has no absolute symbol '%s'", text);
    pthread_mutex_lock(&session->lock);
    name->overrides = false;
    name->absolute = NULL;
    pthread_mutex_unlock(&session->lock);
    if (absolute->is_listed)
        oji_session_leave(session, absolute);
    oji_session_drop_name(session, name);
    oji_release(&session->allocator, absolute, sizeof *absolute);
    return OJ_OK;
}

oj_status oj_session_undefine(oj_session *session, const char *name, oj_error *error)
{
    oj_status status;
    if (!session || !name)
        return oji_fail(error, OJ_E_MISUSE, "%s is NULL", session ? "name" : "session");
    OJI_TRY(oji_session_begin(session, error));
    status = undefine(session, name, error);
    oji_session_end(session);
    return status == OJ_OK ? oji_succeed(error) : status;
}

/* --- lookups ------------------------------------------------------------------------------------------------------ */

/* What a lookup is told of a definition. */
typedef struct finding {
    uint64_t addr;
    bool is_thread_local;
} finding;

/* What needs no linking is answered without the turn: a copy, since another thread may remove it at once, and of no
 * more than what the lock guards. */
static bool find_settled(oj_session *session, const char *name, finding *copy)
{
    const oji_session_name *found;
    const oji_session_definition *answer;
    pthread_mutex_lock(&session->lock);
    found = oji_session_find(session, name, strlen(name));
    answer = found ? oji_session_answer(found) : NULL;
    if (answer)
        *copy = (finding){.addr = answer->addr, .is_thread_local = answer->is_thread_local};
    pthread_mutex_unlock(&session->lock);
    return answer != NULL;
}

/* Linking has settled the name: its choice has an address. */
static oj_status link_name(oj_session *session, const char *name, finding *found, uint64_t *claim, oj_error *error)
{
    const oji_session_goal goal = {.name = name};
    bool is_settled;
    OJI_TRY(oji_session_link(session, &goal, claim, error));
    is_settled = find_settled(session, name, found);
    OJI_ASSERT(is_settled);
    (void)is_settled;
    return OJ_OK;
}

/* Its plan has had an address for it, which takes a block: the code has one. */
oj_status oji_session_find_thread_local(const oji_session_definition *definition, uint64_t *addr, oj_error *error)
{
    const oji_tls *module = oji_tls_of_code(definition->unit->code);
    OJI_ASSERT(module);
    OJI_TRY(oji_tls_prepare(module, error));
    *addr = (uint64_t)(uintptr_t)oji_tls_address(module, definition->addr);
    return OJ_OK;
}

/* With the turn, because the code must stay meanwhile; in a callback this thread has it. Another thread may have
 * removed the module before. */
static oj_status look_up_thread_local(oj_session *session, const char *text, uint64_t *addr, oj_error *error)
{
    oj_status has_turn = oji_session_begin(session, NULL), status;
    const oji_session_name *name = oji_session_find(session, text, strlen(text));
    const oji_session_definition *found = name ? oji_session_answer(name) : NULL;
    if (!found)
        status = oji_session_report_not_found(text, error);
    else if (found->is_thread_local)
        status = oji_session_find_thread_local(found, addr, error);
    else {
        *addr = found->addr;
        status = OJ_OK;
    }
    if (has_turn == OJ_OK)
        oji_session_end(session);
    return status;
}

static oj_status look_up(oj_session *session, const char *name, uint64_t *addr, uint64_t *claim, oj_error *error)
{
    finding found = {0};
    oj_status status = OJ_OK;
    if (!find_settled(session, name, &found)) {
        OJI_TRY(oji_session_begin(session, error));
        /* Another thread may have linked it while this one waited. */
        if (!find_settled(session, name, &found))
            status = link_name(session, name, &found, claim, error);
        oji_session_end(session);
        OJI_TRY(status);
    }
    if (found.is_thread_local)
        return look_up_thread_local(session, name, addr, error);
    *addr = found.addr;
    return OJ_OK;
}

/* When the turn is over: constructors may use the session. */
static oj_status construct_linked(oj_session *session, oj_status status, uint64_t claim, oj_error *error)
{
    if (status != OJ_OK) {
        oji_session_leave_unconstructed(session, claim);
        return status;
    }
    OJI_TRY(oji_session_construct_linked(session, claim, error));
    return oji_succeed(error);
}

oj_status oj_session_lookup(oj_session *session, const char *name, uint64_t *addr, oj_error *error)
{
    uint64_t claim = 0;
    oj_status status;
    if (!addr)
        return oji_fail(error, OJ_E_MISUSE, "addr is NULL");
    *addr = 0;
    if (!session || !name)
        return oji_fail(error, OJ_E_MISUSE, "%s is NULL", session ? "name" : "session");
    status = look_up(session, name, addr, &claim, error);
    status = construct_linked(session, status, claim, error);
    if (status != OJ_OK)
        *addr = 0;
    return status;
}

static oj_status link_goal(oj_session *session, const oji_session_goal *goal, oj_error *error)
{
    uint64_t claim;
    oj_status status;
    OJI_TRY(oji_session_begin(session, error));
    status = oji_session_link(session, goal, &claim, error);
    oji_session_end(session);
    return construct_linked(session, status, claim, error);
}

oj_status oj_session_link(oj_session *session, oj_error *error)
{
    const oji_session_goal goal = {.name = NULL};
    if (!session)
        return oji_fail(error, OJ_E_MISUSE, "session is NULL");
    return link_goal(session, &goal, error);
}

oj_status oj_module_link(oj_module *module, oj_error *error)
{
    const oji_session_goal goal = {.module = module};
    if (!module)
        return oji_fail(error, OJ_E_MISUSE, "module is NULL");
    return link_goal(module->session, &goal, error);
}

/* Those that lost their name are not in its list: their unit has them. */
static const oji_session_definition *find_own(const oj_module *module, const oji_session_name *name)
{
    for (const oji_session_definition *d = name->first; d; d = d->next)
        if (d->unit && d->unit->module == module && d->unit->code)
            return d;
    for (const oji_session_unit *unit = module->units; unit && name->n_lost > 0; unit = unit->next)
        for (uint32_t i = 0; unit->code && i < unit->n_definitions; i++)
            if (unit->definitions[i].name == name)
                return &unit->definitions[i];
    return NULL;
}

static bool refers_to(const oji_session_unit *unit, const oji_session_unit *other)
{
    for (const oji_session_edge *edge = unit->uses; edge; edge = edge->next_use)
        if (edge->to == other)
            return true;
    return false;
}

/* In the place of one that lost its name its module uses the one that was chosen when it was linked; the one that is
 * chosen now may be another. NULL where that one is gone. */
static const oji_session_definition *used_for(const oji_session_definition *own)
{
    if (!own->is_lost)
        return own;
    for (uint32_t i = 0; own->winner && refers_to(own->unit, own->winner) && i < own->winner->n_definitions; i++)
        if (own->winner->definitions[i].name == own->name && !own->winner->definitions[i].is_lost)
            return &own->winner->definitions[i];
    return NULL;
}

/* What lost to an absolute symbol has the client's address, which nobody can take away from the module. */
static oj_status own_addr(const oji_session_definition *own, uint64_t *addr, oj_error *error)
{
    const oji_session_definition *used = used_for(own);
    *addr = own->addr;
    if (own->is_lost && !own->winner && !own->is_thread_local)
        return OJ_OK;
    if (!used)
        return oji_fail(error, OJ_E_NOT_FOUND, "the module that has '%s' is gone", own->name->text);
    return own->is_thread_local ? oji_session_find_thread_local(used, addr, error) : OJ_OK;
}

/* A symbol that the unit's code keeps for itself. */
static oj_status kept_addr(const oj_code *code, const oji_code_symbol *symbol, uint64_t *addr, oj_error *error)
{
    const oji_tls *module = symbol->is_tls ? oji_tls_of_code(code) : NULL;
    *addr = symbol->addr;
    if (!module)
        return OJ_OK;
    OJI_TRY(oji_tls_prepare(module, error));
    *addr = (uint64_t)(uintptr_t)oji_tls_address(module, symbol->addr);
    return OJ_OK;
}

/* Of what is linked. Needs the turn, which in a callback this thread has. */
static oj_status look_up_in_linked(const oj_module *module, const char *text, uint64_t *addr, oj_error *error)
{
    const oji_place place = {.object = module->name, .symbol = text, .offset = UINT64_MAX};
    size_t size = strlen(text);
    const oji_session_name *name = oji_session_find(module->session, text, size);
    const oji_session_definition *own = name ? find_own(module, name) : NULL;
    if (own)
        return own_addr(own, addr, error);
    for (const oji_session_unit *unit = module->units; unit; unit = unit->next) {
        const oji_code_symbol *symbol = unit->code ? oji_code_find_symbol(unit->code, text, size) : NULL;
        if (symbol)
            return kept_addr(unit->code, symbol, addr, error);
    }
    return oji_fail_at(error, OJ_E_NOT_FOUND, &place, "%s does not define '%s'", module->name, text);
}

static oj_status look_up_in_module(oj_module *module, const char *text, uint64_t *addr, uint64_t *claim,
                                   oj_error *error)
{
    const oji_session_goal goal = {.name = text, .module = module};
    if (!module->own.code)
        OJI_TRY(oji_session_link(module->session, &goal, claim, error));
    return look_up_in_linked(module, text, addr, error);
}

/* In a callback nothing is linked. Where the module is not, or only in parts, as archives are, linking could still find
 * the name: that is refused, in the same words as before. */
static oj_status look_up_in_callback(const oj_module *module, const char *text, uint64_t *addr, oj_error *error)
{
    oj_status status = look_up_in_linked(module, text, addr, error);
    return status == OJ_E_NOT_FOUND && !module->own.code ? oji_session_begin(module->session, error) : status;
}

oj_status oj_module_lookup(oj_module *module, const char *name, uint64_t *addr, oj_error *error)
{
    uint64_t claim = 0;
    oj_status status;
    if (!addr)
        return oji_fail(error, OJ_E_MISUSE, "addr is NULL");
    *addr = 0;
    if (!module || !name)
        return oji_fail(error, OJ_E_MISUSE, "%s is NULL", module ? "name" : "module");
    status = oji_session_begin(module->session, error);
    if (status == OJ_OK) {
        status = look_up_in_module(module, name, addr, &claim, error);
        oji_session_end(module->session);
    } else {
        status = look_up_in_callback(module, name, addr, error);
    }
    status = construct_linked(module->session, status, claim, error);
    if (status != OJ_OK)
        *addr = 0;
    return status;
}
