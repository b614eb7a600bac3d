/* OwnJIT: worker processes, in which compilers compile out of their client's reach.
 *
 * A pool has one keeper process, which loads LLVM, and up to n_workers worker processes that it forks; each compiles
 * one module at a time, confined: no files, no network, no new processes. Nothing is started before it is needed, idle
 * workers end by themselves, and the keeper with the last of them. LLVM is never loaded into the client. A crash, a
 * limit or a kill ends the one compile it hits with a status. docs/worker.md has the protocol and the confinement. */
#ifndef OWNJIT_WORKERS_H
#define OWNJIT_WORKERS_H

#include <ownjit/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oj_workers oj_workers;

#define OJ_WORKERS_FOREVER UINT32_MAX

/* oj_workers_options.flags */
#define OJ_WORKERS_REQUIRE_CONFINED 1u /* refuse to start where the system cannot confine workers by seccomp */

typedef struct oj_workers_options {
    uint32_t struct_size;
    uint32_t flags;                /* OJ_WORKERS_... */
    const oj_allocator *allocator; /* copies; NULL = malloc */
    const char *path;      /* copies; the ownjit-worker program. NULL = the environment's OWNJIT_WORKER (unless empty;
                              not in a set-user-ID program), else beside this library, else where it was installed */
    const char *llvm_path; /* copies; the libLLVM that workers load; NULL = the newest installed */
    uint32_t llvm_version; /* major version wanted, 0 = any from 14 to 22; not together with llvm_path */
    uint32_t n_workers;    /* at most so many at once, up to 64; 0 = the number of processors online */
    uint32_t idle_ms;      /* a worker idle for so long ends; 0 = 10,000; OJ_WORKERS_FOREVER = never */
    uint32_t start_ms;     /* deadline of the keeper's start; 0 = 30,000; OJ_WORKERS_FOREVER = none */
    uint32_t deadline_ms;  /* deadline of a compile, waiting for a worker included; 0 = 600,000;
                              OJ_WORKERS_FOREVER = none */
    uint32_t reserved;     /* zero */
    uint64_t memory_size;  /* bytes of address space that a compile may take beyond a fresh worker's; 0 = 4 GiB */
} oj_workers_options;

static inline void oj_workers_options_init(oj_workers_options *options)
{
    memset(options, 0, sizeof *options);
    options->struct_size = (uint32_t)sizeof *options;
}

/* Create a pool. Starts no process.
 * options   borrows; NULL = defaults
 * Owns:     gives *out, end it with oj_workers_destroy()
 * Errors:   OJ_E_NOMEM, OJ_E_MISUSE, OJ_E_VERSION
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_workers_create(oj_workers **out, const oj_workers_options *options, oj_error *error);

/* End a pool and its processes. Compilers that use it are to be destroyed before; one that is not fails from then on
 * with OJ_E_MISUSE, a compile of another thread's included, and what the pool held is freed with the last of them.
 * NULL and the default pool: does nothing.
 * Threads:  exclusive(workers)
 * Since:    0.1 */
OJ_API void oj_workers_destroy(oj_workers *workers);

/* Return the pool of compilers that name none: one for the process, of default options. NULL where memory ends.
 * Owns:     lends, for ever
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_workers *oj_workers_default(void);

/* Start the keeper and workers now rather than with the first compile, so that at least n_workers are there (0: all of
 * the pool's). What was started goes on to work after the client has changed its root directory or given up its user,
 * for as long as a worker is alive: see idle_ms.
 * Errors:   OJ_E_WORKER_START, OJ_E_WORKER_VERSION, OJ_E_WORKER_DEADLINE, OJ_E_NO_LLVM, OJ_E_SYSTEM, OJ_E_NOMEM,
 *           OJ_E_MISUSE (workers NULL, n_workers above the pool's)
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_workers_start(oj_workers *workers, uint32_t n_workers, oj_error *error);

/* oj_workers_stats.confinement */
#define OJ_WORKERS_CONFINED_SECCOMP 1u  /* system calls are filtered */
#define OJ_WORKERS_CONFINED_LANDLOCK 2u /* no path and no TCP port can be opened, whatever a filter lets pass */

/* What a pool is and has done. */
typedef struct oj_workers_stats {
    uint32_t n_running; /* workers alive, as far as it is known */
    uint32_t n_busy;
    uint32_t n_waiting;    /* compiles that wait for a worker */
    int32_t keeper_pid;    /* 0 = none is running */
    uint64_t n_started;    /* workers since the pool's creation */
    uint64_t n_requests;   /* compiles answered, whatever the status */
    uint64_t n_crashed;    /* workers that ended in a compile by themselves */
    uint64_t n_ended;      /* workers ended for a deadline, a cancel or an answer that cannot be believed */
    uint32_t llvm_version; /* that workers use, as oj_llvm_version() has it; 0 = no keeper was started yet */
    uint32_t confinement;  /* OJ_WORKERS_CONFINED_..., by which this system can confine them; 0 = by neither, or no
                              keeper was started yet */
} oj_workers_stats;

/* Fill *stats, up to out_size bytes.
 * Errors:   OJ_E_MISUSE
 * Threads:  any
 * Since:    0.1 */
OJ_API oj_status oj_workers_get_stats(oj_workers *workers, oj_workers_stats *stats, size_t out_size);

#ifdef __cplusplus
}
#endif
#endif
