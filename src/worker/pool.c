/* A pool: its slots, the queue of those that wait for one, and what a fork does to both.
 *
 * No thread of ours watches workers: whoever takes a slot looks at its socket first. The lock is held for moments only,
 * never while somebody waits for a process. Threads that may wait cannot be cancelled: one that ends in the middle
 * would keep its place in the queue, its slot, or the lock. */
#include "worker/worker.h"

#include "base/forks.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_IDLE_MS 10000u
#define DEFAULT_START_MS 30000u
#define DEFAULT_DEADLINE_MS 600000u
#define DEFAULT_MEMORY_SIZE (UINT64_C(4) << 30)

/* Waits are timed by the clock that deadlines are of. */
static bool init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    bool is_made;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    is_made = pthread_cond_init(condition, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return is_made;
}

/* --- all pools of the process ------------------------------------------------------------------------------------- */

/* Lock order: registry, then pools. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static oj_workers *registry;
static oj_workers *default_pool;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic bool has_handlers;
static _Thread_local bool has_tried;

static _Thread_local unsigned fork_depth;

static void lock_all(void)
{
    if (!oji_fork_begins(&fork_depth))
        return;
    pthread_mutex_lock(&registry_lock);
    for (oj_workers *w = registry; w; w = w->next)
        pthread_mutex_lock(&w->lock);
}

static void unlock_all(void)
{
    if (!oji_fork_is_over(&fork_depth))
        return;
    for (oj_workers *w = registry; w; w = w->next)
        pthread_mutex_unlock(&w->lock);
    pthread_mutex_unlock(&registry_lock);
}

static void close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The processes are the parent's. The sockets must go: were one held here, its worker would not see its client end. */
static void forget_processes(oj_workers *w)
{
    close_file(&w->control);
    close_file(&w->words);
    close_file(&w->keeper.pidfd);
    w->keeper.pid = 0;
    w->keeper_state = OJI_KEEPER_NONE;
    for (uint32_t i = 0; i < w->n_slots; i++) {
        close_file(&w->slots[i].fd);
        w->slots[i].is_busy = false;
    }
    w->stats.n_running = w->stats.n_busy = w->stats.n_waiting = 0;
}

/* Threads that waited are not in the child, and a condition variable that has waiters cannot be used on. */
static void become_child(void)
{
    for (oj_workers *w = registry; w; w = w->next) {
        forget_processes(w);
        w->queue = NULL;
        w->epoch++;
        (void)init_condition(&w->keeper_changed); /* as it was made: what it needs is here */
    }
    unlock_all();
}

static void install_handlers(void)
{
    has_tried = true;
    has_handlers = pthread_atfork(lock_all, unlock_all, become_child) == 0;
}

/* Where there was no memory for them the next call tries again. pthread_once(), because it knows forks. */
static bool need_handlers(void)
{
    static pthread_once_t again = PTHREAD_ONCE_INIT;
    has_tried = false;
    pthread_once(&once, install_handlers);
    if (has_tried && !has_handlers)
        __atomic_store(&once, &again, __ATOMIC_RELEASE);
    return has_handlers;
}

static void enter(oj_workers *w)
{
    pthread_mutex_lock(&registry_lock);
    w->next = registry;
    registry = w;
    pthread_mutex_unlock(&registry_lock);
}

static void leave(oj_workers *w)
{
    oj_workers **at = &registry;
    pthread_mutex_lock(&registry_lock);
    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
    pthread_mutex_unlock(&registry_lock);
}

/* Needs the lock. */
static void drop_worker(oj_workers *w, oji_worker_slot *slot)
{
    if (slot->fd >= 0)
        w->stats.n_running--;
    close_file(&slot->fd);
}

/* Needs the lock. Workers of a keeper that is gone are gone too, or going: each asked the kernel for it. */
static void drop_keeper(oj_workers *w)
{
    oji_worker_kill(&w->keeper);
    close_file(&w->control);
    close_file(&w->words);
    w->keeper_state = OJI_KEEPER_NONE;
}

/* Needs the lock. What another thread listens to is not closed under it: sockets are shut, and closed when they are
 * given back; a keeper that starts is killed, and whoever started it finds the pool closed. */
static void close_pool(oj_workers *w)
{
    w->is_closed = true;
    if (w->keeper_state == OJI_KEEPER_STARTING)
        oji_worker_kill(&w->keeper);
    else
        drop_keeper(w);
    for (uint32_t i = 0; i < w->n_slots; i++) {
        if (!w->slots[i].is_busy)
            drop_worker(w, &w->slots[i]);
        else if (w->slots[i].fd >= 0)
            shutdown(w->slots[i].fd, SHUT_RDWR);
    }
    for (oji_worker_request *r = w->queue; r; r = r->next)
        pthread_cond_signal(&r->turn);
}

/* --- a pool's life ------------------------------------------------------------------------------------------------ */

static oj_status check_options(const oj_workers_options *options, oj_error *error)
{
    OJI_TRY(oji_check_flags(options->flags, OJ_WORKERS_REQUIRE_CONFINED, "oj_workers_options.flags", error));
    OJI_TRY(oji_check_flags(options->reserved, 0, "oj_workers_options.reserved", error));
    if (options->n_workers > OJI_WORKER_MAX_WORKERS)
        return oji_fail(error, OJ_E_MISUSE, "oj_workers_options.n_workers is %u, above %u", options->n_workers,
                        OJI_WORKER_MAX_WORKERS);
    if (options->llvm_path && options->llvm_version)
        return oji_fail(error, OJ_E_MISUSE, "oj_workers_options has both llvm_path and llvm_version");
    if (options->llvm_path && strlen(options->llvm_path) > OJI_WIRE_MAX_SIZE / 2)
        return oji_fail(error, OJ_E_MISUSE, "oj_workers_options.llvm_path is too long");
    return OJ_OK;
}

static void fill_defaults(oj_workers_options *options)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    if (options->n_workers == 0)
        options->n_workers = n < 1 ? 1 : n > (long)OJI_WORKER_MAX_WORKERS ? OJI_WORKER_MAX_WORKERS : (uint32_t)n;
    if (options->idle_ms == 0)
        options->idle_ms = DEFAULT_IDLE_MS;
    if (options->start_ms == 0)
        options->start_ms = DEFAULT_START_MS;
    if (options->deadline_ms == 0)
        options->deadline_ms = DEFAULT_DEADLINE_MS;
    if (options->memory_size == 0)
        options->memory_size = DEFAULT_MEMORY_SIZE;
}

/* `next` is memory behind the slots that create() has counted. */
static const char *keep_text(char **next, const char *text)
{
    size_t size;
    char *kept;
    if (!text)
        return NULL;
    size = strlen(text) + 1;
    kept = memcpy(*next, text, size);
    *next += size;
    return kept;
}

static oj_status create(oj_workers **out, oj_workers_options *options, oj_error *error)
{
    oj_allocator allocator;
    uint64_t size;
    oj_workers *w;
    char *next;
    OJI_TRY(oji_allocator_import(&allocator, options->allocator, error));
    size = sizeof *w + options->n_workers * sizeof w->slots[0] + (options->path ? strlen(options->path) + 1 : 0) +
           (options->llvm_path ? strlen(options->llvm_path) + 1 : 0);
    w = oji_allocate_zeroed(&allocator, size);
    if (!w)
        return oji_fail_nomem(error, size, "a pool of workers");
    w->allocator = allocator;
    w->heap_size = size;
    w->n_slots = options->n_workers;
    next = (char *)&w->slots[w->n_slots];
    w->options = *options;
    w->options.path = keep_text(&next, options->path);
    w->options.llvm_path = keep_text(&next, options->llvm_path);
    w->control = w->words = w->keeper.pidfd = -1;
    for (uint32_t i = 0; i < w->n_slots; i++)
        w->slots[i].fd = -1;
    if (pthread_mutex_init(&w->lock, NULL) != 0 || !init_condition(&w->keeper_changed)) {
        oji_release(&allocator, w, size);
        return oji_fail(error, OJ_E_SYSTEM, "the system has no more of what locks are made of");
    }
    enter(w);
    *out = w;
    return OJ_OK;
}

oj_status oj_workers_create(oj_workers **out, const oj_workers_options *options, oj_error *error)
{
    oj_workers_options ours;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "oj_workers_create: out is NULL");
    *out = NULL;
    OJI_TRY(oji_import(&ours, sizeof ours, sizeof ours, options, "oj_workers_options", error));
    OJI_TRY(check_options(&ours, error));
    fill_defaults(&ours);
    if (!need_handlers())
        return oji_fail_nomem(error, 0, "handlers of fork()");
    OJI_TRY(create(out, &ours, error));
    return oji_succeed(error);
}

/* Needs a pool that is closed, has no users, and so no process. */
static void free_pool(oj_workers *workers)
{
    oj_allocator allocator = workers->allocator;
    leave(workers);
    pthread_cond_destroy(&workers->keeper_changed);
    pthread_mutex_destroy(&workers->lock);
    oji_release(&allocator, workers, workers->heap_size);
}

void oji_worker_hold(oj_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    workers->n_users++;
    pthread_mutex_unlock(&workers->lock);
}

void oji_worker_let_go(oj_workers *workers)
{
    bool is_last;
    pthread_mutex_lock(&workers->lock);
    is_last = --workers->n_users == 0 && workers->is_closed;
    pthread_mutex_unlock(&workers->lock);
    if (is_last)
        free_pool(workers);
}

bool oji_worker_is_closed(oj_workers *workers)
{
    bool is_closed;
    pthread_mutex_lock(&workers->lock);
    is_closed = workers->is_closed;
    pthread_mutex_unlock(&workers->lock);
    return is_closed;
}

oj_status oji_worker_fail_closed(oj_error *error)
{
    return oji_fail(error, OJ_E_MISUSE, "the pool of workers was destroyed before its compiler");
}

/* A pool that compilers still name stays until they end, and has no process any more. */
void oj_workers_destroy(oj_workers *workers)
{
    bool is_last;
    if (!workers || workers->is_default)
        return;
    pthread_mutex_lock(&workers->lock);
    is_last = workers->n_users == 0;
    if (!workers->is_closed)
        close_pool(workers);
    pthread_mutex_unlock(&workers->lock);
    if (is_last)
        free_pool(workers);
}

/* Made outside the lock, which create() takes; the loser of a race ends its own. */
oj_workers *oj_workers_default(void)
{
    oj_workers *made = NULL, *chosen;
    pthread_mutex_lock(&registry_lock);
    chosen = default_pool;
    pthread_mutex_unlock(&registry_lock);
    if (chosen || oj_workers_create(&made, NULL, NULL) != OJ_OK)
        return chosen;
    pthread_mutex_lock(&registry_lock);
    if (!default_pool) {
        made->is_default = true;
        default_pool = made;
        made = NULL;
    }
    chosen = default_pool;
    pthread_mutex_unlock(&registry_lock);
    oj_workers_destroy(made);
    return chosen;
}

oj_status oj_workers_get_stats(oj_workers *workers, oj_workers_stats *stats, size_t out_size)
{
    oj_workers_stats ours;
    if (!stats)
        return OJ_E_MISUSE;
    memset(stats, 0, out_size);
    if (!workers)
        return OJ_E_MISUSE;
    pthread_mutex_lock(&workers->lock);
    ours = workers->stats;
    ours.keeper_pid = workers->keeper_state == OJI_KEEPER_RUNNING ? workers->keeper.pid : 0;
    pthread_mutex_unlock(&workers->lock);
    oji_export(stats, out_size, &ours, sizeof ours);
    return OJ_OK;
}

/* --- the queue ---------------------------------------------------------------------------------------------------- */

bool oji_worker_open_request(oj_workers *workers, oji_worker_request *request, oji_worker_progress *progress,
                             uint64_t deadline_ns)
{
    memset(request, 0, sizeof *request);
    request->deadline_ns = deadline_ns;
    if (!init_condition(&request->turn))
        return false;
    pthread_mutex_lock(&workers->lock);
    progress->request = request;
    progress->epoch = workers->epoch;
    pthread_mutex_unlock(&workers->lock);
    return true;
}

void oji_worker_close_request(oj_workers *workers, oji_worker_request *request, oji_worker_progress *progress)
{
    pthread_mutex_lock(&workers->lock);
    progress->request = NULL;
    pthread_mutex_unlock(&workers->lock);
    pthread_cond_destroy(&request->turn);
}

/* Needs the lock. Workers that are there before places for others, always the same first: the others may go idle. */
static oji_worker_slot *find_slot(oj_workers *w)
{
    oji_worker_slot *empty = NULL;
    for (uint32_t i = 0; i < w->n_slots; i++) {
        if (!w->slots[i].is_busy && w->slots[i].fd >= 0)
            return &w->slots[i];
        if (!w->slots[i].is_busy && !empty)
            empty = &w->slots[i];
    }
    return empty;
}

/* Needs the lock. An idle worker has nothing to say: if there is something it is its end, or a lie. */
static void drop_if_ended(oj_workers *w, oji_worker_slot *slot)
{
    struct pollfd entry = {slot->fd, POLLIN, 0};
    if (slot->fd >= 0 && poll(&entry, 1, 0) != 0)
        drop_worker(w, slot);
}

/* Needs the lock. */
static void enqueue(oj_workers *w, oji_worker_request *request)
{
    oji_worker_request **end = &w->queue;
    while (*end)
        end = &(*end)->next;
    *end = request;
    request->next = NULL;
    w->stats.n_waiting++;
}

/* Needs the lock. Wakes the next, for whom there may be a slot too. */
static void dequeue(oj_workers *w, oji_worker_request *request)
{
    oji_worker_request **at = &w->queue;
    while (*at && *at != request)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = request->next;
    w->stats.n_waiting--;
    if (w->queue)
        pthread_cond_signal(&w->queue->turn);
}

static struct timespec time_of(uint64_t ns)
{
    struct timespec time = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    return time;
}

/* Needs the lock. 0, or ETIMEDOUT when the deadline has passed. */
static int wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t deadline_ns)
{
    struct timespec time = time_of(deadline_ns);
    if (deadline_ns == UINT64_MAX)
        return pthread_cond_wait(condition, lock);
    return pthread_cond_timedwait(condition, lock, &time);
}

/* Needs the lock. A diagnostic function that compiles with the pool it is called for would wait for its own thread's
 * worker, where there is no other. */
static bool holds_all(const oj_workers *w)
{
    for (uint32_t i = 0; i < w->n_slots; i++)
        if (!w->slots[i].is_busy || !pthread_equal(w->slots[i].holder, pthread_self()))
            return false;
    return true;
}

/* Needs the lock. */
static oj_status wait_for_slot(oj_workers *w, oji_worker_request *request, oj_error *error)
{
    oji_worker_slot *slot = NULL;
    char text[96];
    int reason = 0;
    if (holds_all(w))
        return oji_worker_fail_named(request->name, OJ_E_MISUSE,
                                     "every worker of the pool works for this thread already, which compiles in a "
                                     "diagnostic function: give that compiler a pool of its own, or this one more "
                                     "workers",
                                     error);
    enqueue(w, request);
    while (!w->is_closed && !request->is_cancelled && reason != ETIMEDOUT) {
        slot = w->queue == request ? find_slot(w) : NULL;
        if (slot)
            break;
        reason = wait_until(&request->turn, &w->lock, request->deadline_ns);
    }
    if (slot) {
        slot->is_busy = true;
        slot->holder = pthread_self();
        w->stats.n_busy++;
        request->slot = slot;
        request->epoch = w->epoch;
    }
    dequeue(w, request);
    if (slot)
        return OJ_OK;
    if (w->is_closed)
        return oji_worker_fail_closed(error);
    if (request->is_cancelled)
        return oji_worker_fail_named(request->name, OJ_E_WORKER_CANCELLED, "cancelled while it waited for a worker",
                                     error);
    snprintf(text, sizeof text, "the deadline passed before one of %u workers was free (deadline_ms)", w->n_slots);
    return oji_worker_fail_named(request->name, OJ_E_WORKER_DEADLINE, text, error);
}

/* --- starting ----------------------------------------------------------------------------------------------------- */

oj_status oji_worker_fail_named(const char *name, oj_status status, const char *text, oj_error *error)
{
    oji_place place = {.object = name, .offset = UINT64_MAX};
    return oji_fail_at(error, status, &place, "%s%s%s", name ? name : "", name ? ": " : "", text);
}

oj_status oji_worker_fail_cancelled(const oji_worker_request *request, oj_error *error)
{
    return oji_worker_fail_named(request->name, OJ_E_WORKER_CANCELLED, "cancelled before a worker began", error);
}

/* Needs the lock, which others have meanwhile. */
static oj_status wait_for_start(oj_workers *w, const oji_worker_request *request, oj_error *error)
{
    if (wait_until(&w->keeper_changed, &w->lock, request->deadline_ns) != ETIMEDOUT)
        return OJ_OK;
    return oji_worker_fail_named(request->name, OJ_E_WORKER_DEADLINE,
                                 "the deadline passed while the worker program started (deadline_ms)", error);
}

/* Needs the lock, which others have meanwhile. */
static oj_status start_keeper(oj_workers *w, const oji_worker_request *request, oj_error *error)
{
    bool was_left = w->keeper_state == OJI_KEEPER_LEFT;
    oj_status status;
    w->keeper_state = OJI_KEEPER_STARTING;
    pthread_mutex_unlock(&w->lock);
    status = oji_worker_start_keeper(w, request, was_left, error);
    pthread_mutex_lock(&w->lock);
    pthread_cond_broadcast(&w->keeper_changed);
    return status;
}

/* Needs the lock, gives it up while a keeper starts, and has it again. At the end a keeper runs, as far as is known, or
 * the pool is closed. Whoever has the lock first after a start may have found the keeper ended, and have dropped it. */
static oj_status need_keeper(oj_workers *w, const oji_worker_request *request, oj_error *error)
{
    while (!w->is_closed && w->keeper_state != OJI_KEEPER_RUNNING) {
        if (request->is_cancelled)
            return oji_worker_fail_cancelled(request, error);
        if (w->keeper_state == OJI_KEEPER_STARTING)
            OJI_TRY(wait_for_start(w, request, error));
        else
            OJI_TRY(start_keeper(w, request, error));
    }
    return OJ_OK;
}

/* Needs the lock. Asks the keeper for a worker; it need not be there yet when it is sent its first request. */
static int ask_for_worker(oj_workers *w, oji_worker_slot *slot)
{
    uint8_t message[OJI_WIRE_HEADER_SIZE];
    int pair[2];
    int reason = oji_worker_make_pair(pair);
    if (reason != 0)
        return reason;
    reason = oji_worker_send(w->control, message, oji_wire_put_start(message), pair[1], false);
    close(pair[1]);
    if (reason != 0) {
        close(pair[0]);
        return reason;
    }
    slot->fd = pair[0];
    slot->is_fresh = true;
    w->stats.n_running++;
    w->stats.n_started++;
    return 0;
}

/* Needs the lock. A keeper that ended since it was last used is replaced, which once is no failure. */
static oj_status fill_slot(oj_workers *w, oji_worker_request *request, oj_error *error)
{
    int reason = 0;
    for (int attempt = 0; attempt < 3; attempt++) {
        oj_status status = need_keeper(w, request, error);
        if (w->is_closed) {
            if (w->keeper_state == OJI_KEEPER_RUNNING)
                drop_keeper(w);
            return oji_worker_fail_closed(error);
        }
        OJI_TRY(status);
        reason = ask_for_worker(w, request->slot);
        if (reason == 0)
            return OJ_OK;
        if (reason != EPIPE && reason != ECONNRESET && reason != EAGAIN)
            return oji_fail_system(error, OJ_E_SYSTEM, reason, "cannot make a socket for a worker");
        drop_keeper(w);
    }
    return oji_fail_system(error, OJ_E_WORKER_START, reason, "the worker program ends again and again");
}

oj_status oji_worker_acquire(oj_workers *workers, oji_worker_request *request, oj_error *error)
{
    oj_status status;
    pthread_mutex_lock(&workers->lock);
    status = wait_for_slot(workers, request, error);
    if (status == OJ_OK) {
        drop_if_ended(workers, request->slot);
        if (request->slot->fd < 0)
            status = fill_slot(workers, request, error);
        if (status == OJ_OK && request->is_cancelled)
            status = oji_worker_fail_cancelled(request, error);
        request->id = ++workers->last_id;
    }
    pthread_mutex_unlock(&workers->lock);
    if (status != OJ_OK && request->slot)
        oji_worker_release(workers, request, false, NULL);
    return status;
}

void oji_worker_release(oj_workers *workers, oji_worker_request *request, bool keep, uint64_t *counter)
{
    pthread_mutex_lock(&workers->lock);
    if (request->slot && request->epoch == workers->epoch) {
        if (!keep || workers->is_closed)
            drop_worker(workers, request->slot);
        request->slot->is_busy = false;
        workers->stats.n_busy--;
        if (workers->queue)
            pthread_cond_signal(&workers->queue->turn);
    }
    if (counter)
        (*counter)++;
    request->slot = NULL;
    pthread_mutex_unlock(&workers->lock);
}

/* Needs the lock. Our end is shut, not closed: the request's thread still reads from it. The keeper sees it and kills
 * the worker. */
static void cancel(oj_workers *w, oji_worker_request *request)
{
    request->is_cancelled = true;
    if (request->slot && request->slot->fd >= 0 && request->id != 0)
        shutdown(request->slot->fd, SHUT_RDWR);
    else if (request->slot)
        pthread_cond_broadcast(&w->keeper_changed);
    else
        pthread_cond_signal(&request->turn);
}

void oji_worker_cancel(oj_workers *workers, const oji_worker_progress *progress)
{
    pthread_mutex_lock(&workers->lock);
    if (progress->request && progress->epoch == workers->epoch)
        cancel(workers, progress->request);
    pthread_mutex_unlock(&workers->lock);
}

bool oji_worker_is_cancelled(oj_workers *workers, const oji_worker_request *request)
{
    bool is_cancelled;
    pthread_mutex_lock(&workers->lock);
    is_cancelled = request->is_cancelled;
    pthread_mutex_unlock(&workers->lock);
    return is_cancelled;
}

bool oji_worker_is_stale(oj_workers *workers, const oji_worker_request *request)
{
    bool is_stale;
    pthread_mutex_lock(&workers->lock);
    is_stale = request->epoch != workers->epoch;
    pthread_mutex_unlock(&workers->lock);
    return is_stale;
}

oj_status oj_workers_start(oj_workers *workers, uint32_t n_workers, oj_error *error)
{
    oji_worker_request request;
    oj_status status = OJ_OK;
    int cancel_state;
    uint32_t n;
    if (!workers)
        return oji_fail(error, OJ_E_MISUSE, "workers is NULL");
    if (n_workers > workers->n_slots)
        return oji_fail(error, OJ_E_MISUSE, "oj_workers_start: n_workers is %u, above the pool's, %u", n_workers,
                        workers->n_slots);
    n = n_workers ? n_workers : workers->n_slots;
    memset(&request, 0, sizeof request);
    request.deadline_ns = UINT64_MAX;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    pthread_mutex_lock(&workers->lock);
    for (uint32_t i = 0; i < workers->n_slots && n > 0 && status == OJ_OK; i++) {
        request.slot = &workers->slots[i];
        if (!request.slot->is_busy)
            drop_if_ended(workers, request.slot);
        if (!request.slot->is_busy && request.slot->fd < 0) {
            /* The lock is given up while a keeper starts: nobody else may fill the slot meanwhile. */
            request.slot->is_busy = true;
            request.slot->holder = pthread_self();
            status = fill_slot(workers, &request, error);
            request.slot->is_busy = false;
            if (workers->queue)
                pthread_cond_signal(&workers->queue->turn);
        }
        n--;
    }
    pthread_mutex_unlock(&workers->lock);
    pthread_setcancelstate(cancel_state, NULL);
    return status == OJ_OK ? oji_succeed(error) : status;
}
