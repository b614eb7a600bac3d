/* LLVM has no way to ask whether it knows a CPU or a feature: it prints to the standard error stream and goes on. A
 * library must not let it print, and a process has one descriptor 2 for all its threads. But the kernel keeps
 * descriptor tables by thread: a thread of our own leaves the process's table for a private copy, puts a memory file
 * in the place of descriptor 2 there, and runs LLVM. No other thread's descriptors are touched. */
#include "llvm/llvm.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2u
#endif

/* The client's default may be more than there is room for. LLVM 14's text parser descends once for each bracket, of
 * which src/compile lets no more in than need an eighth of this. */
#define STACK_SIZE ((size_t)8 << 20)

typedef struct captured {
    void (*function)(void *);
    void *argument;
    char *text;
    size_t capacity;
    int reason;                        /* what failed; 0 = nothing */
    oji_llvm_containment *containment; /* of the thread that waits */
} captured;

/* close_range() takes no descriptor above 2 along, and is allowed in containers that refuse unshare(). */
static int leave_descriptor_table(void)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_UNSHARE) == 0)
        return 0;
#endif
    return unshare(CLONE_FILES) == 0 ? 0 : errno;
}

static int take_standard_error(int *fd)
{
    *fd = memfd_create("ownjit-stderr", MFD_CLOEXEC);
    return *fd < 0 || dup2(*fd, STDERR_FILENO) < 0 ? errno : 0;
}

/* By pread(), as the writes of LLVM have moved the position that both descriptors share. */
static int read_back(int fd, char *text, size_t capacity)
{
    ssize_t length = pread(fd, text, capacity - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    return length < 0 ? errno : 0;
}

/* What this thread opens needs no closing: the private table ends with it. */
static void *run_captured(void *argument)
{
    captured *c = argument;
    int fd;
    c->reason = leave_descriptor_table();
    if (c->reason == 0)
        c->reason = take_standard_error(&fd);
    if (c->reason != 0)
        return NULL;
    oji_llvm_enter_containment(c->containment);
    c->function(c->argument);
    c->reason = read_back(fd, c->text, c->capacity);
    return NULL;
}

/* A handler of the client's must not run on a thread that sees other descriptors. */
static int start_thread(pthread_t *thread, captured *c)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int failed = pthread_attr_init(&attributes);
    if (failed)
        return failed;
    failed = pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!failed)
        failed = pthread_create(thread, &attributes, run_captured, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

/* The caller waits, so that `argument` may lie on its stack. What a system forbids it forbids with one of two numbers;
 * a kernel without memory files says the second. */
int oji_llvm_run_captured(void (*function)(void *), void *argument, char *text, size_t capacity)
{
    captured c = {function, argument, text, capacity, 0, oji_llvm_containment_of_thread()};
    pthread_t thread;
    int failed;
    text[0] = '\0';
    failed = start_thread(&thread, &c);
    if (!failed) {
        pthread_join(thread, NULL);
        oji_llvm_leave_where_fatal();
        failed = c.reason;
    }
    return failed == EPERM || failed == ENOSYS ? OJI_LLVM_CAPTURE_REFUSED : failed;
}
