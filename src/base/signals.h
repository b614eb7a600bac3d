/* Keeping signal handlers out while a thread has a lock that they may wait for. */
#ifndef OJI_SIGNALS_H
#define OJI_SIGNALS_H

#include <signal.h>

/* Block all but those that the thread's own instructions raise, which do not wait. */
void oji_block_signals(sigset_t *before);

/* Block those of timers and counters, by which profilers sample: for waits that a thread may be the reason of that
 * another signal has stopped, as collectors stop a world. */
void oji_block_profilers(sigset_t *before);
void oji_unblock_signals(const sigset_t *before);

#endif
