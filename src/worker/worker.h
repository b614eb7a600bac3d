/* The client's side: a pool, its keeper, one request. A worker is a slot of the pool: a socket whose other end the
 * worker serves and the keeper watches. Closing our end is how a worker is ended: the keeper sees it and kills. */
#ifndef OJI_WORKER_WORKER_H
#define OJI_WORKER_WORKER_H

#include "worker/channel.h"

#include <ownjit/compiler.h>
#include <ownjit/workers.h>
#include <pthread.h>
#include <sys/types.h>

#define OJI_WORKER_MAX_WORKERS 64u

/* --- spawn.c: the keeper's process -------------------------------------------------------------------------------- */

typedef struct oji_worker_process {
    int pidfd; /* -1 where the system has none */
    pid_t pid;
} oji_worker_process;

#define OJI_WORKER_STACKS_SIZE (128u * 1024u)

/* Start the program as nobody's child, with `control` as its descriptor 3 and `words` (a memory file) as 0 to 2, and
 * nothing else of ours: no wait() of the client's sees it, and no SIGCHLD comes of it. That the program could not be
 * executed is told by a message on `control`. `stacks` has OJI_WORKER_STACKS_SIZE bytes, for its first moments. An
 * errno value, or 0. */
int oji_worker_spawn(oji_worker_process *process, const char *path, int control, int words, uint8_t *stacks);

/* Kill it, if it is there still; its pidfd is closed. */
void oji_worker_kill(oji_worker_process *process);

/* Find the program: `given`, else the environment's, else beside the library, else where it was installed. */
oj_status oji_worker_find(char *path, size_t capacity, const char *given, oj_error *error);

/* --- pool.c ------------------------------------------------------------------------------------------------------- */

typedef struct oji_worker_slot {
    int fd; /* -1 = no worker */
    bool is_busy;
    bool is_fresh;    /* has not answered yet */
    pthread_t holder; /* the thread that compiles, where it is busy */
} oji_worker_slot;

/* One compile, on its caller's stack; guarded by the pool's lock but for what only the caller uses. */
typedef struct oji_worker_request {
    struct oji_worker_request *next; /* in the queue */
    pthread_cond_t turn;
    oji_worker_slot *slot; /* NULL while it waits */
    bool is_cancelled;
    const char *name; /* of what is compiled; NULL = nothing is */
    uint64_t id;
    uint64_t deadline_ns;
    uint32_t epoch; /* the pool's when the slot was taken */
} oji_worker_request;

/* What a compiler has in progress; guarded by the pool's lock, which is the one that a fork finds free. In a child of
 * another epoch the request is on the stack of a thread that is not there. */
typedef struct oji_worker_progress {
    oji_worker_request *request; /* NULL = nothing */
    uint32_t epoch;
} oji_worker_progress;

typedef enum oji_worker_keeper_state {
    OJI_KEEPER_NONE,
    OJI_KEEPER_STARTING, /* and somebody listens for its greeting */
    OJI_KEEPER_LEFT,     /* it was started, and whoever listened had no more time */
    OJI_KEEPER_RUNNING
} oji_keeper_state;

struct oj_workers {
    oj_allocator allocator;
    uint64_t heap_size;
    oj_workers_options options; /* defaults filled in; path and llvm_path are our copies or NULL */
    bool is_default;
    bool is_closed;   /* destroyed by its client; there for its compilers' sake still */
    uint32_t n_users; /* compilers */
    oj_workers *next; /* in the process's list */
    pthread_mutex_t lock;
    pthread_cond_t keeper_changed;
    oji_keeper_state keeper_state;
    oji_worker_process keeper;
    int control; /* -1 = no keeper */
    int words;   /* memory file that is the standard output of a keeper that starts; -1 = none */
    uint64_t start_deadline_ns;
    uint32_t epoch; /* counts the forks that this process came out of as a child */
    uint64_t last_id;
    oji_worker_request *queue;
    oj_workers_stats stats;
    uint32_t n_slots;
    oji_worker_slot slots[];
};

/* A compiler begins and ends to use a pool. The last one to end frees one that was destroyed meanwhile. */
void oji_worker_hold(oj_workers *workers);
void oji_worker_let_go(oj_workers *workers);

/* Begin a request: its place in the queue is taken by oji_worker_acquire(). False where the system has no more of what
 * a condition variable needs. */
bool oji_worker_open_request(oj_workers *workers, oji_worker_request *request, oji_worker_progress *progress,
                             uint64_t deadline_ns);
void oji_worker_close_request(oj_workers *workers, oji_worker_request *request, oji_worker_progress *progress);

/* Wait for a worker, first come first served, and start one where the pool has room; request->slot then is ours. */
oj_status oji_worker_acquire(oj_workers *workers, oji_worker_request *request, oj_error *error);

/* Give the slot back, with its worker or after ending it. `counter` of workers->stats is counted up, or NULL. */
void oji_worker_release(oj_workers *workers, oji_worker_request *request, bool keep, uint64_t *counter);

/* Has a fork made this another process since the slot was taken? The slot then is not the request's any more. */
bool oji_worker_is_stale(oj_workers *workers, const oji_worker_request *request);

void oji_worker_cancel(oj_workers *workers, const oji_worker_progress *progress);
oj_status oji_worker_fail_cancelled(const oji_worker_request *request, oj_error *error);
/* "name: text", or the text alone where name is NULL. */
oj_status oji_worker_fail_named(const char *name, oj_status status, const char *text, oj_error *error);
bool oji_worker_is_closed(oj_workers *workers);
oj_status oji_worker_fail_closed(oj_error *error);
bool oji_worker_is_cancelled(oj_workers *workers, const oji_worker_request *request);

/* --- handshake.c -------------------------------------------------------------------------------------------------- */

/* Start the keeper, or go on with a start that was left, and wait until it serves. Needs keeper_state
 * OJI_KEEPER_STARTING set by the caller and the lock not held; leaves RUNNING, NONE, or LEFT where it is the request
 * that has no more time. */
oj_status oji_worker_start_keeper(oj_workers *workers, const oji_worker_request *request, bool was_left,
                                  oj_error *error);

/* --- request.c ---------------------------------------------------------------------------------------------------- */

/* What a compile gives, and what it is about. */
typedef struct oji_worker_job {
    oj_workers *workers;
    const oj_allocator *allocator; /* for the object */
    oji_worker_request *request;
    const char *name;
    const void *input; /* NULL = try the target only */
    uint64_t input_size;
    uint32_t task; /* OJI_WIRE_COMPILE or OJI_WIRE_LIST */
    uint64_t memory_size;
    uint32_t deadline_ms;
    const uint8_t *config;
    uint32_t config_size;
    void (*diagnostic)(void *context, uint32_t severity, const char *text);
    void *diagnostic_context;
    /* Filled on success. */
    void *object;   /* or a listing; the caller's to end: unmapped where it is mapped, else released to the allocator */
    bool is_mapped; /* large ones are; a mapping for each small one would use the process's mappings up */
    oj_compile_stats stats;
    char triple[256];
    char cpu[128];
} oji_worker_job;

/* Have a worker do it, job->request being open. */
oj_status oji_worker_run(oji_worker_job *job, oj_error *error);

/* OJ_E_WORKER_PROTOCOL for an answer that was accepted, and is not what was asked for. */
oj_status oji_worker_disbelieve(const oji_worker_job *job, const char *what, oj_error *error);

#endif
