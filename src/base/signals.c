/* Which signals wait while a thread has a lock. */
#include "base/signals.h"

#include "base/base.h"

void oji_block_signals(sigset_t *before)
{
    static const int raised[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    sigset_t all;
    sigfillset(&all);
    for (size_t i = 0; i < OJI_COUNT(raised); i++)
        sigdelset(&all, raised[i]);
    pthread_sigmask(SIG_BLOCK, &all, before);
}

void oji_block_profilers(sigset_t *before)
{
    static const int sampling[] = {SIGPROF, SIGVTALRM, SIGALRM, SIGIO};
    sigset_t some;
    sigemptyset(&some);
    for (size_t i = 0; i < OJI_COUNT(sampling); i++)
        sigaddset(&some, sampling[i]);
    pthread_sigmask(SIG_BLOCK, &some, before);
}

void oji_unblock_signals(const sigset_t *before) { pthread_sigmask(SIG_SETMASK, before, NULL); }
