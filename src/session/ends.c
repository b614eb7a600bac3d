/* How modules end: removed with their code, or with their code given to the client. */
#include "session/session.h"

/* Somebody is inside the constructors: the code must stay until they are done. */
static oj_status check_idle(const oj_module *module, oj_error *error)
{
    const oji_place place = {.object = module->name, .offset = UINT64_MAX};
    for (const oji_session_unit *unit = module->units; unit; unit = unit->next)
        if (unit->is_constructing)
            return oji_fail_at(error, OJ_E_MISUSE, &place, "%s: its constructors are running", module->name);
    return OJ_OK;
}

/* Units of one module may refer to each other: they end together. */
static oj_status check_unused(const oj_module *module, oj_error *error)
{
    for (const oji_session_unit *unit = module->units; unit; unit = unit->next)
        for (const oji_session_edge *edge = unit->users; edge; edge = edge->next_user) {
            const oj_module *user = edge->from->module;
            const oji_place place = {.object = user->name, .symbol = edge->name->text, .offset = UINT64_MAX};
            if (user != module)
                return oji_fail_at(error, OJ_E_REFERENCED, &place, "%s refers to %s, for '%s'", user->name,
                                   module->name, edge->name->text);
        }
    return OJ_OK;
}

static oj_status remove_module(oj_module *module, uint32_t flags, oj_error *error)
{
    OJI_TRY(check_idle(module, error));
    if (!(flags & OJ_REMOVE_REFERENCED))
        OJI_TRY(check_unused(module, error));
    oji_session_detach_module(module->session, module);
    return OJ_OK;
}

/* The code ends when the turn is over, because its destructors run then. Nobody can find it any more; what it refers to
 * cannot be removed before it has ended, since destructors may call that. */
oj_status oj_module_remove(oj_module *module, uint32_t flags, oj_error *error)
{
    oj_session *session;
    oj_status status;
    if (!module)
        return oji_fail(error, OJ_E_MISUSE, "module is NULL");
    session = module->session;
    OJI_TRY(oji_check_flags(flags, OJ_REMOVE_REFERENCED, "oj_module_remove() flags", error));
    OJI_TRY(oji_session_begin(session, error));
    status = remove_module(module, flags, error);
    oji_session_end(session);
    if (status != OJ_OK)
        return status;
    oji_session_end_codes(module);
    status = oji_session_begin(session, NULL);
    OJI_ASSERT(status == OJ_OK); /* this thread does not have it */
    oji_session_free_module(session, module);
    if (status == OJ_OK)
        oji_session_end(session);
    return oji_succeed(error);
}

size_t oj_module_code_count(oj_module *module)
{
    size_t n;
    if (!module)
        return 0;
    pthread_mutex_lock(&module->session->lock);
    n = module->n_codes;
    pthread_mutex_unlock(&module->session->lock);
    return n;
}

/* The last linked stands first in a module's list. The turn is needed to walk it; in a callback this thread has it. */
const oj_code *oj_module_code(oj_module *module, size_t index)
{
    const oj_code *code = NULL;
    oj_status status;
    size_t n;
    if (!module)
        return NULL;
    status = oji_session_begin(module->session, NULL);
    n = module->n_codes;
    for (const oji_session_unit *unit = module->units; unit; unit = unit->next)
        if (unit->code && --n == index)
            code = unit->code;
    if (status == OJ_OK)
        oji_session_end(module->session);
    return code;
}

/* --- taking code out ---------------------------------------------------------------------------------------------- */

static oj_status check_room(uint64_t n_codes, uint64_t room, oj_error *error)
{
    if (room < n_codes)
        return oji_fail(error, OJ_E_MISUSE, "codes has room for %llu, there are %llu", (unsigned long long)room,
                        (unsigned long long)n_codes);
    return OJ_OK;
}

/* Nothing can fail from here on: the codes are the client's. */
static void end_without_code(oj_session *session, oj_module *module)
{
    oji_session_detach_module(session, module);
    for (oji_session_unit *unit = module->units; unit; unit = unit->next)
        unit->linked = NULL;
    oji_session_free_module(session, module);
}

static oj_status take_from_module(oj_module *module, oj_code **codes, size_t n_codes, oj_error *error)
{
    uint32_t n = module->n_codes;
    if (n == 0)
        return oji_fail(error, OJ_E_MISUSE, "%s has no code: it is not linked", module->name);
    OJI_TRY(check_room(n, n_codes, error));
    OJI_TRY(check_idle(module, error));
    for (oji_session_unit *unit = module->units; unit; unit = unit->next)
        if (unit->code)
            codes[--n] = unit->code;
    end_without_code(module->session, module);
    return OJ_OK;
}

oj_status oj_module_take_code(oj_module *module, oj_code **codes, size_t n_codes, oj_error *error)
{
    oj_session *session;
    oj_status status;
    if (!module || (!codes && n_codes > 0))
        return oji_fail(error, OJ_E_MISUSE, "%s is NULL", module ? "codes" : "module");
    if (n_codes > 0)
        memset(codes, 0, n_codes * sizeof(oj_code *));
    session = module->session;
    OJI_TRY(oji_session_begin(session, error));
    status = take_from_module(module, codes, n_codes, error);
    oji_session_end(session);
    return status == OJ_OK ? oji_succeed(error) : status;
}

static oj_status take_from_session(oj_session *session, oj_code **codes, size_t n_codes, oj_error *error)
{
    size_t n = 0;
    OJI_TRY(check_room(session->stats.n_codes, n_codes, error));
    for (oj_module *module = session->first_module; module; module = module->next)
        OJI_TRY(check_idle(module, error));
    for (oji_session_unit *unit = session->first_linked; unit; unit = unit->next_linked)
        codes[n++] = unit->code;
    for (oj_module *module = session->first_module, *next; module; module = next) {
        next = module->next;
        if (module->n_codes > 0)
            end_without_code(session, module);
    }
    return OJ_OK;
}

oj_status oj_session_take_code(oj_session *session, oj_code **codes, size_t n_codes, oj_error *error)
{
    oj_status status;
    if (!session || (!codes && n_codes > 0))
        return oji_fail(error, OJ_E_MISUSE, "%s is NULL", session ? "codes" : "session");
    if (n_codes > 0)
        memset(codes, 0, n_codes * sizeof(oj_code *));
    OJI_TRY(oji_session_begin(session, error));
    status = take_from_session(session, codes, n_codes, error);
    oji_session_end(session);
    return status == OJ_OK ? oji_succeed(error) : status;
}
