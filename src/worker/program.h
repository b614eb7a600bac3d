/* The worker program, ownjit-worker: a keeper that loads LLVM and forks, and the workers that it forks. */
#ifndef OJI_WORKER_PROGRAM_H
#define OJI_WORKER_PROGRAM_H

#include "worker/channel.h"

#include <ownjit/llvm.h>
#include <stdatomic.h>

/* Where the client's socket is, when the program starts. */
#define OJI_KEEPER_CONTROL_FD 3

/* Written by a worker and read by its keeper when it has ended, on a page that both have. */
typedef struct oji_worker_diary {
    _Atomic uint32_t phase; /* oji_phase */
    _Atomic uint64_t id;    /* of the request that was begun and not answered; 0 = none */
} oji_worker_diary;

/* What a worker is given. */
typedef struct oji_worker_station {
    int socket;
    int words; /* memory file for what LLVM prints */
    oji_worker_diary *diary;
    oj_llvm *llvm;
    int32_t keeper; /* process id */
    uint32_t idle_ms;
    uint32_t flags;       /* OJ_WORKERS_... */
    uint64_t memory_size; /* upper limit of a request's */
} oji_worker_station;

/* keeper.c: serve the client whose socket this is, until it is gone; returns the program's exit status. */
int oji_worker_keep(int control);

/* serve.c: what a worker does, from the fork to its end. */
void oji_worker_serve(const oji_worker_station *station) __attribute__((noreturn));

/* confine.c: which ways of confining this system has; OJI_WIRE_CONFINED_... */
uint32_t oji_worker_probe_confinement(void);

/* Give up everything that compiling does not need, for good: files, network, processes, executable memory. Returns what
 * is in force. */
uint32_t oji_worker_confine(void);

#endif
