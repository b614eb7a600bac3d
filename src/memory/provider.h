/* The library's own memory provider: an oj_memory table and what stands behind it. */
#ifndef OJI_MEMORY_PROVIDER_H
#define OJI_MEMORY_PROVIDER_H

#include "memory/slab.h"

#include <pthread.h>

typedef struct oji_memory_provider oji_memory_provider;
struct oji_memory_provider {
    oj_memory table; /* context points back here */
    oj_allocator allocator;
    uint64_t budget;
    uint64_t slab_size;
    uint64_t near_addr;   /* 0: nowhere in particular */
    uint32_t wanted_mode; /* oj_memory_mode of the options */
    bool huge_pages;

    pthread_mutex_t lock;     /* for all that follows; no client's function is called while it is held */
    uint32_t mode;            /* in use; OJ_MEMORY_MODE_DEFAULT until probed */
    uint32_t single_mode;     /* of single slabs: private memory is quicker to fill, where the choice is left to us */
    int key;                  /* in keys mode */
    uint32_t debug_mode;      /* of placements that ask for private memory: the mode in use where that does not work */
    uint64_t choose_again_at; /* nanoseconds; 0 = the modes stay */
    uint32_t process;         /* the stamp of the process that last used it */
    oji_memory_slab *slabs;   /* the one that served last comes first */
    oji_memory_slab *singles;
    bool is_far;            /* no shared slab could be had near near_addr when one was last made */
    oji_memory_slab *spare; /* a slab in `slabs` with nothing in it, or NULL */
    uint64_t n_live;        /* segments */
    oj_memory_stats stats;  /* but for what complete_stats() computes */

    oji_memory_provider *next; /* of all in this process, under the registry's lock */
    oji_memory_provider *previous;
};

/* --- memory.c ----------------------------------------------------------------------------------------------------- */

/* Give the spare slab back, with the provider locked. */
void oji_memory_drop_spare(oji_memory_provider *provider);

/* --- fork.c ------------------------------------------------------------------------------------------------------- */

/* Enter a provider with an initialised lock into the registry, whose locks a fork takes first, so that the child finds
 * every provider whole. */
void oji_memory_register(oji_memory_provider *provider);
void oji_memory_unregister(oji_memory_provider *provider);
/* Have forks tell the parent, too, before there is anything that a child could share; false where memory ends. */
bool oji_memory_watch_forks(void);

/* Called first thing with the provider locked: notices that this is a child process, however it was forked. */
void oji_memory_check_process(oji_memory_provider *provider);

/* Is this the process that had this stamp? May be called without a lock. */
bool oji_memory_is_this_process(uint32_t process);

/* Hold off fork() while mappings are made that no child may inherit half-made. Not to be called with a provider
 * locked. */
void oji_memory_hold_forks(void);
void oji_memory_allow_forks(void);

/* --- mode.c ------------------------------------------------------------------------------------------------------- */

/* Find the mode to use, with the provider locked, and set provider->mode. OJ_E_PERMISSION says what was tried. */
oj_status oji_memory_choose_mode(oji_memory_provider *provider, oj_error *error);

#endif
