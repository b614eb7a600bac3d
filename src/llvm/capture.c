/* LLVM has no way to ask whether it knows a CPU or a feature: it prints to the standard error stream and goes on. A
 * library must not let it print, and a process has one descriptor 2 for all its threads. But the kernel keeps
 * descriptor tables by thread: a thread of our own leaves the process's table for a private copy, puts a memory file
 * in the place of descriptor 2 there, and runs LLVM. No other thread's descriptors are touched. */
#include "llvm/llvm.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2u
#endif

typedef struct captured {
    void (*function)(void *);
    void *argument;
    char *text;
    size_t capacity;
    bool has_run;
    oji_llvm_containment *containment; /* of the thread that waits */
} captured;

/* close_range() takes no descriptor above 2 along, and is allowed in containers that refuse unshare(). */
static bool leave_descriptor_table(void)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_UNSHARE) == 0)
        return true;
#endif
    return unshare(CLONE_FILES) == 0;
}

/* By pread(), as the writes of LLVM have moved the position that both descriptors share. */
static void read_back(int fd, char *text, size_t capacity)
{
    ssize_t length = pread(fd, text, capacity - 1, 0);
    text[length > 0 ? length : 0] = '\0';
}

/* What this thread opens needs no closing: the private table ends with it. */
static void *run_captured(void *argument)
{
    captured *c = argument;
    int fd;
    if (!leave_descriptor_table())
        return NULL;
    fd = memfd_create("ownjit-stderr", MFD_CLOEXEC);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
        return NULL;
    c->has_run = true;
    oji_llvm_enter_containment(c->containment);
    c->function(c->argument);
    read_back(fd, c->text, c->capacity);
    return NULL;
}

/* The caller waits, so that `argument` may lie on its stack. */
bool oji_llvm_run_captured(void (*function)(void *), void *argument, char *text, size_t capacity)
{
    captured c = {function, argument, text, capacity, false, oji_llvm_containment_of_thread()};
    pthread_t thread;
    sigset_t all, before;
    int failed;
    text[0] = '\0';
    /* A handler of the client's must not run on a thread that sees other descriptors. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&thread, NULL, run_captured, &c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return false;
    pthread_join(thread, NULL);
    oji_llvm_leave_where_fatal();
    return c.has_run;
}
