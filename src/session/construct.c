/* Constructors, run without the turn: they may use the session. A unit whose constructors run is claimed meanwhile: no
 * other thread runs them, and it cannot be removed. */
#include "session/session.h"

bool oji_session_constructs(const oj_module *module)
{
    return (module->session->options.flags & OJ_SESSION_CONSTRUCT) || (module->link_flags & OJ_LINK_RUN_CONSTRUCTORS);
}

static bool is_wanted(const oji_session_unit *unit, bool all)
{
    return unit->code && !unit->is_constructed && (all || oji_session_constructs(unit->module));
}

/* Those that wait are the last linked, as a rule: the walk ends where there can be no more of them. */
static oji_session_unit *first_of_session(const oj_session *session, bool all)
{
    oji_session_unit *first = NULL;
    uint64_t n_seen = 0;
    for (oji_session_unit *unit = session->last_linked; unit && n_seen < session->n_unconstructed;
         unit = unit->previous_linked) {
        n_seen += !unit->is_constructed;
        if (is_wanted(unit, all))
            first = unit;
    }
    return first;
}

/* A module's units stand in the reverse order of pulling. */
static oji_session_unit *first_of_module(const oj_module *module)
{
    oji_session_unit *first = NULL;
    for (oji_session_unit *unit = module->units; unit; unit = unit->next)
        if (is_wanted(unit, true))
            first = unit;
    return first;
}

/* What lookups need not look at any more, or have to again. */
static void count(oj_session *session, const oji_session_unit *unit, bool waits)
{
    uint64_t more = waits ? 1 : UINT64_MAX;
    session->n_unconstructed += more;
    if (!oji_session_constructs(unit->module))
        return;
    pthread_mutex_lock(&session->lock);
    session->n_waiting += more;
    pthread_mutex_unlock(&session->lock);
}

/* NULL where there is none left. */
static oj_status claim(oj_session *session, const oj_module *only, bool all, oji_session_unit **claimed,
                       oj_error *error)
{
    *claimed = NULL;
    OJI_TRY(oji_session_begin(session, error));
    *claimed = only ? first_of_module(only) : first_of_session(session, all);
    if (*claimed) {
        (*claimed)->is_constructed = (*claimed)->is_constructing = true;
        count(session, *claimed, false);
    }
    oji_session_end(session);
    return OJ_OK;
}

/* Constructors that failed may be tried again. The turn cannot be refused: this thread does not have it. */
static void give_back(oj_session *session, oji_session_unit *unit, bool is_constructed)
{
    oj_status status = oji_session_begin(session, NULL);
    OJI_ASSERT(status == OJ_OK);
    unit->is_constructing = false;
    unit->is_constructed = is_constructed;
    if (!is_constructed)
        count(session, unit, true);
    if (status == OJ_OK)
        oji_session_end(session);
}

static oj_status construct(oj_session *session, const oj_module *only, bool all, oj_error *error)
{
    for (;;) {
        oji_session_unit *unit;
        oj_status status;
        OJI_TRY(claim(session, only, all, &unit, error));
        if (!unit)
            return OJ_OK;
        status = oj_code_construct(unit->code, error);
        give_back(session, unit, status == OJ_OK);
        OJI_TRY(status);
    }
}

/* Where nothing waits this takes no turn: lookups of what is linked come here, too, callbacks' among them. */
oj_status oji_session_construct_linked(oj_session *session, oj_error *error)
{
    bool waits;
    pthread_mutex_lock(&session->lock);
    waits = session->n_waiting > 0 && !oji_session_has_turn(session);
    pthread_mutex_unlock(&session->lock);
    return waits ? construct(session, NULL, false, error) : OJ_OK;
}

oj_status oj_session_construct(oj_session *session, oj_error *error)
{
    if (!session)
        return oji_fail(error, OJ_E_MISUSE, "session is NULL");
    OJI_TRY(construct(session, NULL, true, error));
    return oji_succeed(error);
}

oj_status oj_module_construct(oj_module *module, oj_error *error)
{
    if (!module)
        return oji_fail(error, OJ_E_MISUSE, "module is NULL");
    if (oj_module_code_count(module) == 0)
        return oji_fail(error, OJ_E_MISUSE, "%s is not linked", module->name);
    OJI_TRY(construct(module->session, module, true, error));
    return oji_succeed(error);
}
