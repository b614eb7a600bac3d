/* Constructors, run without the turn: they may use the session. Which units a call runs is settled in one turn, by its
 * claim on them, so that those of no other call come between; they run in the order of linking. A unit whose
 * constructors run cannot be removed. */
#include "session/session.h"

bool oji_session_constructs(const oj_module *module)
{
    return (module->session->options.flags & OJ_SESSION_CONSTRUCT) || (module->link_flags & OJ_LINK_RUN_CONSTRUCTORS);
}

/* --- claims ------------------------------------------------------------------------------------------------------- */

bool oji_session_waits(const oji_session_unit *unit)
{
    return !unit->is_constructed && unit->claim == 0 && oji_session_constructs(unit->module);
}

static void set_claim(oj_session *session, oji_session_unit *unit, uint64_t claim)
{
    bool waited = oji_session_waits(unit);
    unit->claim = claim;
    pthread_mutex_lock(&session->lock);
    session->n_waiting += (uint64_t)oji_session_waits(unit) - waited;
    pthread_mutex_unlock(&session->lock);
}

/* The first that is not constructed, from the unit backwards; n are left. They are the last linked, as a rule: nobody
 * need walk further than to the last of them. */
static oji_session_unit *find_back(oji_session_unit *unit, uint64_t n)
{
    while (n > 0 && unit && unit->is_constructed)
        unit = unit->previous_linked;
    return n > 0 ? unit : NULL;
}

/* All that nobody has claimed, or only what is to run without being asked for. */
static void claim_free(oj_session *session, uint64_t claim, bool all)
{
    uint64_t n = session->n_unconstructed;
    for (oji_session_unit *unit = find_back(session->last_linked, n); unit;
         unit = find_back(unit->previous_linked, --n))
        if (unit->claim == 0 && (all || oji_session_waits(unit)))
            set_claim(session, unit, claim);
}

/* What is asked for by its module is not left to others, but where they are at it. */
static void claim_module(oj_session *session, uint64_t claim, const oj_module *module)
{
    for (oji_session_unit *unit = module->units; unit; unit = unit->next)
        if (unit->code && !unit->is_constructed)
            set_claim(session, unit, claim);
}

static void drop_claim(oj_session *session, uint64_t claim)
{
    uint64_t n = session->n_unconstructed;
    for (oji_session_unit *unit = find_back(session->last_linked, n); unit;
         unit = find_back(unit->previous_linked, --n))
        if (unit->claim == claim)
            set_claim(session, unit, 0);
}

/* --- running ------------------------------------------------------------------------------------------------------ */

/* The turn cannot be refused: this thread does not have it. */
static void take_turn(oj_session *session)
{
    oj_status status = oji_session_begin(session, NULL);
    OJI_ASSERT(status == OJ_OK);
    (void)status;
}

/* The first linked of those with the claim; NULL where there is none left. */
static oji_session_unit *start(oj_session *session, uint64_t claim)
{
    oji_session_unit *first = NULL;
    uint64_t n;
    take_turn(session);
    n = session->n_unconstructed;
    for (oji_session_unit *unit = find_back(session->last_linked, n); unit;
         unit = find_back(unit->previous_linked, --n))
        if (unit->claim == claim)
            first = unit;
    if (first) {
        first->is_constructed = first->is_constructing = true;
        session->n_unconstructed--;
    }
    oji_session_end(session);
    return first;
}

/* Where they failed they may be tried again, with all that were to follow. */
static void finish(oj_session *session, oji_session_unit *unit, bool is_constructed)
{
    take_turn(session);
    unit->is_constructing = false;
    if (!is_constructed) {
        unit->is_constructed = false;
        session->n_unconstructed++;
        drop_claim(session, unit->claim);
    }
    oji_session_end(session);
}

static oj_status run_claimed(oj_session *session, uint64_t claim, oj_error *error)
{
    for (oji_session_unit *unit; (unit = start(session, claim));) {
        oj_status status = oj_code_construct(unit->code, error);
        finish(session, unit, status == OJ_OK);
        OJI_TRY(status);
    }
    return OJ_OK;
}

/* In a callback nothing was linked, and there is no claim. */
void oji_session_leave_unconstructed(oj_session *session, uint64_t claim)
{
    if (claim == 0)
        return;
    take_turn(session);
    drop_claim(session, claim);
    oji_session_end(session);
}

typedef struct claimed {
    oj_session *session;
    uint64_t claim;
} claimed;

static void leave_claimed(void *context)
{
    const claimed *c = context;
    oji_session_leave_unconstructed(c->session, c->claim);
}

/* A thread that ends in a constructor leaves those that were to follow to other calls. */
static oj_status run(oj_session *session, uint64_t claim, oj_error *error)
{
    claimed c = {session, claim};
    oj_status status;
    pthread_cleanup_push(leave_claimed, &c);
    status = run_claimed(session, claim, error);
    pthread_cleanup_pop(0);
    return status;
}

/* Where nothing waits this takes no turn: lookups of what is linked come here, too, callbacks' among them. */
oj_status oji_session_construct_linked(oj_session *session, uint64_t claim, oj_error *error)
{
    bool others_wait;
    pthread_mutex_lock(&session->lock);
    others_wait = session->n_waiting > 0 && !oji_session_has_turn(session);
    pthread_mutex_unlock(&session->lock);
    if (others_wait) {
        take_turn(session);
        claim = claim ? claim : ++session->n_claims;
        claim_free(session, claim, false);
        oji_session_end(session);
    }
    return claim ? run(session, claim, error) : OJ_OK;
}

oj_status oj_session_construct(oj_session *session, oj_error *error)
{
    uint64_t claim;
    if (!session)
        return oji_fail(error, OJ_E_MISUSE, "session is NULL");
    OJI_TRY(oji_session_begin(session, error));
    claim = ++session->n_claims;
    claim_free(session, claim, true);
    oji_session_end(session);
    OJI_TRY(run(session, claim, error));
    return oji_succeed(error);
}

oj_status oj_module_construct(oj_module *module, oj_error *error)
{
    oj_session *session;
    uint64_t claim;
    if (!module)
        return oji_fail(error, OJ_E_MISUSE, "module is NULL");
    if (oj_module_code_count(module) == 0)
        return oji_fail(error, OJ_E_MISUSE, "%s is not linked", module->name);
    session = module->session;
    OJI_TRY(oji_session_begin(session, error));
    claim = ++session->n_claims;
    claim_module(session, claim, module);
    oji_session_end(session);
    OJI_TRY(run(session, claim, error));
    return oji_succeed(error);
}
