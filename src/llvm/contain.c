/* Surviving LLVM's fatal errors in this process. LLVM calls a handler, one for the whole process, and ends the process
 * where that returns. So a compile runs on a thread of ours, and the handler ends that thread: everything of LLVM's
 * that the compile had made stays behind, unreachable, and nothing else was touched.
 *
 * The thread ends by pthread_exit(), which unwinds LLVM's frames. They have no cleanups, LLVM being built without
 * exceptions; what they would have released is part of what is lost. */
#include "llvm/llvm.h"

#include "base/caller.h"

#include <errno.h>
#include <signal.h>

/* LLVM recurses over expressions and types. Only what is touched is ever in memory, and a stack of this size is one
 * that the C library keeps for the next thread. */
#define STACK_SIZE ((size_t)32 << 20)

static _Thread_local oji_llvm_containment *current;

oji_llvm_containment *oji_llvm_containment_of_thread(void) { return current; }

void oji_llvm_enter_containment(oji_llvm_containment *containment) { current = containment; }

void oji_llvm_leave_where_fatal(void)
{
    if (current && current->is_fatal)
        pthread_exit(NULL);
}

/* Called by LLVM, on any thread of the process. One that does not compile for us fares as it would without this: LLVM
 * ends the process when the handler returns. */
static void on_fatal_error(const char *reason)
{
    if (!current)
        return;
    oji_llvm_flatten(current->text, sizeof current->text, reason);
    current->is_fatal = true;
    pthread_exit(NULL);
}

void oji_llvm_contain(oji_llvm_library *library)
{
    pthread_mutex_lock(&library->lock);
    if (library->n_containing++ == 0)
        library->api.InstallFatalErrorHandler(on_fatal_error);
    pthread_mutex_unlock(&library->lock);
}

void oji_llvm_contain_end(oji_llvm_library *library)
{
    pthread_mutex_lock(&library->lock);
    if (--library->n_containing == 0)
        library->api.ResetFatalErrorHandler();
    pthread_mutex_unlock(&library->lock);
}

static void *run_contained(void *argument)
{
    current = argument;
    oji_work_for(current->caller);
    current->function(current->argument);
    return NULL;
}

/* Signals stay with the client's threads: its handlers must not end up on one that may be given up at any place. */
int oji_llvm_run_contained(oji_llvm_containment *containment)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    int failed;
    containment->is_fatal = false;
    containment->text[0] = '\0';
    containment->caller = oji_caller();
    if (pthread_attr_init(&attributes) != 0)
        return ENOMEM;
    failed = pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!failed)
        failed = pthread_create(&thread, &attributes, run_contained, containment);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!failed)
        pthread_join(thread, NULL);
    return failed;
}
