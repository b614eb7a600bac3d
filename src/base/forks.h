/* Handlers of fork() that may be there twice: the C library begins a pthread_once() again in the child of a fork that
 * came in the middle of it, and what it had registered by then is registered once more. So the thread that forks
 * counts how often it is in the handlers of a list of locks: the first time it takes them, the last time it gives them
 * back. */
#ifndef OJI_FORKS_H
#define OJI_FORKS_H

#include <stdbool.h>

/* `depth` is the thread's own, of one list. */
static inline bool oji_fork_begins(unsigned *depth) { return (*depth)++ == 0; }

/* Not, too, where the handlers were registered between the two. */
static inline bool oji_fork_is_over(unsigned *depth) { return *depth > 0 && --*depth == 0; }

/* Defines the handlers lock_for_fork() and unlock_after_fork() of one list of locks, by the calls that take it and give
 * it back. */
#define OJI_FORK_HANDLERS(take, give_back)    \
    static _Thread_local unsigned fork_depth; \
    static void lock_for_fork(void)           \
    {                                         \
        if (oji_fork_begins(&fork_depth))     \
            take;                             \
    }                                         \
    static void unlock_after_fork(void)       \
    {                                         \
        if (oji_fork_is_over(&fork_depth))    \
            give_back;                        \
    }

#endif
