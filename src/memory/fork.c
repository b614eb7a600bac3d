/* Fork: locks that a child finds in order, and the news that it is a child.
 *
 * A page that the kernel wipes in every child carries the process's stamp. It tells also a child that was made by a
 * bare system call, which runs no handler; only the parent of such a child cannot know. */
#include "memory/provider.h"

#include "base/forks.h"

#include <stdatomic.h>

/* Lock order: door, makers, registry, providers. A fork shuts the door and waits until nobody is making mappings. No
 * rwlock: it knows its writer by a thread id, which is another in the child. */
static pthread_mutex_t door_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t makers_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t makers_gone = PTHREAD_COND_INITIALIZER;
static unsigned n_makers;
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static oji_memory_provider *registry;

static pthread_once_t once = PTHREAD_ONCE_INIT;
/* Taken with a provider locked, to try again. No fork runs lock_all(), which needs that provider, as long as anybody
 * does: the handlers are not there. */
static pthread_mutex_t handlers_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool has_handlers;
static uint32_t unwiped_stamp = 1; /* stands in for the page where the system has none */
static uint32_t *stamp = &unwiped_stamp;
static uint32_t last_stamp = 1;

static uint32_t read_stamp(void) { return __atomic_load_n(stamp, __ATOMIC_RELAXED); }

/* One that no provider here can have from this process or any that it comes from: the counter is inherited. A provider
 * may be older than several of them. */
static uint32_t draw_stamp(void) { return __atomic_add_fetch(&last_stamp, 1, __ATOMIC_RELAXED); }

static _Thread_local unsigned fork_depth;

/* Before a fork. */
static void lock_all(void)
{
    int cancel_state;
    if (!oji_fork_begins(&fork_depth))
        return;
    pthread_mutex_lock(&door_lock);
    pthread_mutex_lock(&makers_lock);
    /* fork() is no cancellation point, and this would be one. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    while (n_makers > 0)
        pthread_cond_wait(&makers_gone, &makers_lock);
    pthread_setcancelstate(cancel_state, NULL);
    pthread_mutex_lock(&registry_lock);
    for (oji_memory_provider *p = registry; p; p = p->next) {
        pthread_mutex_lock(&p->lock);
        oji_memory_check_process(p);
    }
}

/* Needs the registry as lock_all() found it, which its lock sees to. */
static void unlock_all(void)
{
    if (!oji_fork_is_over(&fork_depth))
        return;
    for (oji_memory_provider *p = registry; p; p = p->next)
        pthread_mutex_unlock(&p->lock);
    pthread_mutex_unlock(&registry_lock);
    pthread_mutex_unlock(&makers_lock);
    pthread_mutex_unlock(&door_lock);
}

/* Whatever lives now is shared with the child from here on. */
static void after_in_parent(void)
{
    for (oji_memory_provider *p = registry; p; p = p->next) {
        for (oji_memory_slab *slab = p->slabs; slab; slab = slab->next)
            oji_memory_slab_freeze(slab);
        for (oji_memory_slab *slab = p->singles; slab; slab = slab->next)
            oji_memory_slab_freeze(slab);
    }
    unlock_all();
}

/* The forking thread is the child's only one and holds every lock, so that it may release them. The stamp alone tells
 * the rest: each provider notices by it when it is next used, and a child that only executes another program pays for
 * nothing. */
static void after_in_child(void)
{
    __atomic_store_n(stamp, draw_stamp(), __ATOMIC_RELAXED);
    unlock_all();
}

static void start(void)
{
    uint32_t *page = oji_memory_os_map_wiped_on_fork();
    if (page) {
        *page = unwiped_stamp;
        stamp = page;
    }
    has_handlers = pthread_atfork(lock_all, after_in_parent, after_in_child) == 0;
}

/* Fails only for want of memory, and once: a lock that every start took would be locked for good in the child of a fork
 * that came in between. */
bool oji_memory_watch_forks(void)
{
    if (OJI_LIKELY(has_handlers))
        return true;
    pthread_mutex_lock(&handlers_lock);
    has_handlers = has_handlers || pthread_atfork(lock_all, after_in_parent, after_in_child) == 0;
    pthread_mutex_unlock(&handlers_lock);
    return has_handlers;
}

static bool is_registered(const oji_memory_provider *provider)
{
    const oji_memory_provider *p = registry;
    while (p && p != provider)
        p = p->next;
    return p != NULL;
}

/* The default provider may have been entered by a thread of the parent, which was about to say so. */
void oji_memory_register(oji_memory_provider *provider)
{
    pthread_once(&once, start);
    pthread_mutex_lock(&registry_lock);
    provider->process = read_stamp();
    if (!is_registered(provider)) {
        provider->previous = NULL;
        provider->next = registry;
        if (registry)
            registry->previous = provider;
        registry = provider;
    }
    pthread_mutex_unlock(&registry_lock);
}

void oji_memory_unregister(oji_memory_provider *provider)
{
    pthread_mutex_lock(&registry_lock);
    if (provider->next)
        provider->next->previous = provider->previous;
    if (provider->previous)
        provider->previous->next = provider->next;
    else
        registry = provider->next;
    pthread_mutex_unlock(&registry_lock);
}

/* Wiped and not stamped again: forked without the handlers. One of the threads that see it stamps for all. */
static uint32_t stamp_again(void)
{
    uint32_t now = 0, drawn = draw_stamp();
    return __atomic_compare_exchange_n(stamp, &now, drawn, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ? drawn : now;
}

bool oji_memory_is_this_process(uint32_t process) { return process != 0 && process == read_stamp(); }

void oji_memory_check_process(oji_memory_provider *provider)
{
    uint32_t now;
    if (OJI_LIKELY(oji_memory_is_this_process(provider->process)))
        return;
    now = read_stamp();
    provider->process = now ? now : stamp_again();
    for (oji_memory_slab *slab = provider->slabs; slab; slab = slab->next)
        oji_memory_slab_inherit(slab);
    for (oji_memory_slab *slab = provider->singles; slab; slab = slab->next)
        oji_memory_slab_inherit(slab);
    oji_memory_drop_spare(provider); /* nothing will be placed in it again */
}

/* Through the door first: a fork that waits for makers to leave holds it, so that no more of them come in. */
void oji_memory_hold_forks(void)
{
    pthread_mutex_lock(&door_lock);
    pthread_mutex_lock(&makers_lock);
    n_makers++;
    pthread_mutex_unlock(&makers_lock);
    pthread_mutex_unlock(&door_lock);
}

void oji_memory_allow_forks(void)
{
    pthread_mutex_lock(&makers_lock);
    if (--n_makers == 0)
        pthread_cond_signal(&makers_gone);
    pthread_mutex_unlock(&makers_lock);
}
