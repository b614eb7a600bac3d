/* Files that grow in a process which is a client's: a limit on their size (RLIMIT_FSIZE) is a failure to be told, and
 * no signal that ends the process. */
#ifndef OJI_FILES_H
#define OJI_FILES_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct oji_file_guard {
    sigset_t before;
    int cancel_state;
    bool was_pending;
} oji_file_guard;

/* Until the end, writing and resizing fail with EFBIG at the limit, on this thread, which cannot be cancelled either:
 * it may have a lock. */
void oji_file_guard_begin(oji_file_guard *guard);
/* Keeps errno. */
void oji_file_guard_end(const oji_file_guard *guard);

/* Which file a descriptor was opened for. A client that closes all descriptors, as daemons do, may have its own in the
 * same place: what another file has is not ours to use or close. */
typedef struct oji_file_identity {
    uint64_t device;
    uint64_t inode;
} oji_file_identity;

/* False where the descriptor is none. */
bool oji_file_identify(int fd, oji_file_identity *identity);
bool oji_file_is(int fd, const oji_file_identity *identity);

/* A descriptor above standard error's, so that a client that runs without its standard streams does not print into it.
 * Takes fd; -1 with errno where none is free. */
int oji_file_raise(int fd);

/* May this process make a file so large? To pass RLIMIT_FSIZE, in memory files too, is to be sent SIGXFSZ, which ends
 * processes: who is refused here has failed with EFBIG. */
bool oji_may_grow_file(uint64_t size);

#endif
