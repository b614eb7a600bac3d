/* The table of names, and the rules by which a name has its definition.
 *
 * Chained, because names come and go singly for as long as the session lives. Reading it takes the turn or the lock;
 * changing it takes both. */
#include "session/session.h"

enum { FIRST_BUCKETS = 64 };

static oji_session_name **bucket_of(const oj_session *session, uint64_t hash)
{
    return &session->buckets[hash & (session->n_buckets - 1)];
}

oji_session_name *oji_session_find(const oj_session *session, const char *name, size_t name_size)
{
    uint64_t hash = oji_hash(name, name_size);
    if (!session->buckets)
        return NULL;
    for (oji_session_name *found = *bucket_of(session, hash); found; found = found->next)
        if (found->hash == hash && found->name_size == name_size && memcmp(found->text, name, name_size) == 0)
            return found;
    return NULL;
}

/* Keep as many buckets as names. The old ones are freed when nobody can be reading them any more. */
static bool make_room(oj_session *session)
{
    uint64_t n_old = session->n_buckets, n_new = n_old == 0 ? FIRST_BUCKETS : n_old * 2;
    oji_session_name **old = session->buckets, **grown;
    if (session->stats.n_names < n_old)
        return true;
    grown = oji_allocate_zeroed(&session->allocator, n_new * sizeof *grown);
    if (!grown)
        return false;
    pthread_mutex_lock(&session->lock);
    session->buckets = grown;
    session->n_buckets = n_new;
    for (uint64_t i = 0; i < n_old; i++)
        for (oji_session_name *name = old[i], *next; name; name = next) {
            next = name->next;
            name->next = *bucket_of(session, name->hash);
            *bucket_of(session, name->hash) = name;
        }
    pthread_mutex_unlock(&session->lock);
    oji_release(&session->allocator, old, n_old * sizeof *old);
    return true;
}

oji_session_name *oji_session_intern(oj_session *session, const char *name, size_t name_size)
{
    oji_session_name *added = oji_session_find(session, name, name_size);
    if (added)
        return added;
    if (name_size >= UINT32_MAX || !make_room(session))
        return NULL;
    added = oji_allocate_zeroed(&session->allocator, sizeof *added + name_size + 1);
    if (!added)
        return NULL;
    memcpy(added->text, name, name_size);
    added->name_size = (uint32_t)name_size;
    added->hash = oji_hash(name, name_size);
    pthread_mutex_lock(&session->lock);
    added->next = *bucket_of(session, added->hash);
    *bucket_of(session, added->hash) = added;
    session->stats.n_names++;
    pthread_mutex_unlock(&session->lock);
    return added;
}

static void free_name(oj_session *session, oji_session_name *name)
{
    oji_release(&session->allocator, name, sizeof *name + name->name_size + 1);
}

/* Does nothing while the name has definitions. */
void oji_session_drop_name(oj_session *session, oji_session_name *name)
{
    oji_session_name **link = bucket_of(session, name->hash);
    if (name->first || name->first_own || name->absolute || name->n_lost > 0)
        return;
    while (*link != name)
        link = &(*link)->next;
    pthread_mutex_lock(&session->lock);
    *link = name->next;
    session->stats.n_names--;
    pthread_mutex_unlock(&session->lock);
    free_name(session, name);
}

static void enter_own(oji_session_definition *definition)
{
    oji_session_name *name = definition->name;
    definition->next = name->first_own;
    if (definition->next)
        definition->next->previous = definition;
    name->first_own = definition;
}

static void leave_own(oji_session_definition *definition)
{
    if (definition->previous)
        definition->previous->next = definition->next;
    else
        definition->name->first_own = definition->next;
    if (definition->next)
        definition->next->previous = definition->previous;
}

/* Usually the last: only what was compiled after others had been added walks back to its module's place. */
void oji_session_enter(oj_session *session, oji_session_definition *definition)
{
    oji_session_name *name = definition->name;
    oji_session_definition *before = name->last;
    if (definition->is_own) {
        enter_own(definition);
        return;
    }
    definition->is_listed = true;
    while (before && before->sequence > definition->sequence)
        before = before->previous;
    definition->previous = before;
    definition->next = before ? before->next : name->first;
    if (definition->next)
        definition->next->previous = definition;
    else
        name->last = definition;
    if (before)
        before->next = definition;
    else
        name->first = definition;
    name->n_strong += definition->rank == OJI_SESSION_STRONG;
    name->n_common += definition->rank == OJI_SESSION_COMMON;
    session->version++;
}

/* A definition that an object has counts before one that IR is said to have. */
static oji_session_definition *first_strong(const oji_session_name *name)
{
    oji_session_definition *hint = NULL;
    for (oji_session_definition *d = name->first; d; d = d->next)
        if (d->rank == OJI_SESSION_STRONG) {
            if (!d->is_hint)
                return d;
            if (!hint)
                hint = d;
        }
    return hint;
}

/* IR does not say how large one is: where it has one, that is chosen, and so compiled, before others are compared. */
static oji_session_definition *largest_common(const oji_session_name *name)
{
    oji_session_definition *largest = NULL;
    for (oji_session_definition *d = name->first; d; d = d->next)
        if (d->rank == OJI_SESSION_COMMON) {
            if (d->is_hint)
                return d;
            if (!largest || d->size > largest->size)
                largest = d;
        }
    return largest;
}

/* The order of session.h, steps 2 to 5. Of weak ones the first in the list is the first added. */
static oji_session_definition *choose_listed(const oji_session_name *name)
{
    if (name->settled)
        return name->settled;
    if (name->n_strong > 0)
        return first_strong(name);
    return name->n_common > 0 ? largest_common(name) : name->first;
}

oji_session_definition *oji_session_choose(const oji_session_name *name)
{
    return name->overrides ? name->absolute : choose_listed(name);
}

/* The members of an archive are one component as far as hidden names are concerned, as in the program that a linker
 * puts them into (gABI chapter 4, "Symbol Visibility"). */
oji_session_definition *oji_session_choose_for(const oji_session_name *name, const oji_session_unit *unit)
{
    for (oji_session_definition *d = name->first_own; d; d = d->next)
        if (d->unit->module == unit->module)
            return d;
    return oji_session_choose(name);
}

/* What overrides is not settled itself: when it is taken back, what was linked meanwhile counts. */
void oji_session_settle(oj_session *session, oji_session_name *name)
{
    oji_session_definition *chosen = choose_listed(name);
    if (!chosen || (chosen->unit && !chosen->unit->code))
        return;
    pthread_mutex_lock(&session->lock);
    name->settled = chosen;
    pthread_mutex_unlock(&session->lock);
}

/* Whoever comes next may be linked already: a name is settled whenever its choice has an address. The name's own room
 * is left to oji_session_drop_name(). */
void oji_session_leave(oj_session *session, oji_session_definition *definition)
{
    oji_session_name *name = definition->name;
    if (definition->is_own) {
        leave_own(definition);
        return;
    }
    pthread_mutex_lock(&session->lock);
    if (name->settled == definition)
        name->settled = NULL;
    pthread_mutex_unlock(&session->lock);
    if (definition->previous)
        definition->previous->next = definition->next;
    else
        name->first = definition->next;
    if (definition->next)
        definition->next->previous = definition->previous;
    else
        name->last = definition->previous;
    name->n_strong -= definition->rank == OJI_SESSION_STRONG;
    name->n_common -= definition->rank == OJI_SESSION_COMMON;
    definition->is_listed = false;
    session->version++;
    oji_session_settle(session, name);
}

/* What is left are absolute symbols, and names without any. */
void oji_session_free_names(oj_session *session)
{
    for (uint64_t i = 0; i < session->n_buckets; i++)
        for (oji_session_name *name = session->buckets[i], *next; name; name = next) {
            next = name->next;
            oji_release(&session->allocator, name->absolute, sizeof *name->absolute);
            free_name(session, name);
        }
    oji_release(&session->allocator, session->buckets, session->n_buckets * sizeof(oji_session_name *));
}
