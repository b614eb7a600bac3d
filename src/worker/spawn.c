/* The keeper as nobody's child.
 *
 * A child that executes a program is given SIGCHLD as its end's signal by the kernel, whatever clone() asked for: the
 * client's wait() would see it. So a helper, which executes nothing and raises no signal, makes the keeper and ends:
 * the keeper is then an orphan that the system's init reaps, and the helper is invisible to every wait() but one with
 * __WALL, which is ours. Both borrow our memory until they are done, as posix_spawn()'s child does. */
#include "worker/worker.h"

#include "base/files.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ThreadSanitizer takes clone() for fork(), and does not expect it twice in one memory. The C library's other name for
 * it passes it by. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IS_THREAD_SANITIZED 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define IS_THREAD_SANITIZED 1
#endif
#ifdef IS_THREAD_SANITIZED
int __clone(int (*function)(void *), void *stack, int flags, void *argument, ...);
#define clone __clone
#endif

#define STACK_SIZE (OJI_WORKER_STACKS_SIZE / 2)
#define CONTROL_FD 3

typedef struct start {
    const char *path;
    int control;
    int words;
    uint8_t *stacks; /* of helper and keeper */
    pid_t pid;
    int pidfd;
    int reason; /* errno of a clone() that failed */
} start;

/* Handlers of the client's are gone with the program, what it ignores is not. */
static void reset_signals(void)
{
    struct sigaction action;
    sigset_t none;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_others(void)
{
    long limit;
#ifdef SYS_close_range
    if (syscall(SYS_close_range, CONTROL_FD + 1, ~0u, 0u) == 0)
        return;
#endif
    limit = sysconf(_SC_OPEN_MAX);
    for (int fd = CONTROL_FD + 1; fd < (limit > 0 && limit < 65536 ? (int)limit : 65536); fd++)
        close(fd);
}

/* Needs both above 3, so that none is overwritten before it is copied. */
static bool arrange_descriptors(int control, int words)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(words, fd) < 0)
            return false;
    if (dup2(control, CONTROL_FD) < 0)
        return false;
    close_others();
    return true;
}

/* Returning ends the process by the system call alone (clone(2)): _exit() is a function that sanitizers take for an
 * occasion to look at a stack that is none of theirs.
 * The place that reports is the socket: a shared variable would need shared memory, which not every tool that runs us
 * gives to a child like this one. */
static int become_keeper(void *argument)
{
    start *s = argument;
    char name[] = "ownjit-worker", option[] = "--keeper";
    char *argv[] = {name, option, NULL};
    uint8_t message[8];
    int control = s->control; /* until it is in its place, which is the client's own before */
    reset_signals();
    setsid();
    if (arrange_descriptors(s->control, s->words)) {
        control = CONTROL_FD;
        execve(s->path, argv, environ);
    }
    /* Shorter than any message of the protocol's. */
    oji_store32(message, OJI_WIRE_MAGIC);
    oji_store32(message + 4, (uint32_t)errno);
    (void)oji_worker_send(control, message, sizeof message, -1, false);
    return 127;
}

/* CLONE_FILES puts the pidfd into the client's own table. It is asked for while the keeper cannot have been reaped. */
static int run_helper(void *argument)
{
    start *s = argument;
    s->pid = clone(become_keeper, s->stacks + OJI_WORKER_STACKS_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, s);
    if (s->pid < 0)
        s->reason = errno;
#ifdef SYS_pidfd_open
    else
        s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0u);
#endif
    return 0;
}

/* Signals are blocked throughout: a handler of the client's would run in the child, on our memory. */
static int run_start(start *s)
{
    sigset_t all, before;
    pid_t helper;
    int status;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    /* No signal in the flags: the helper's end raises none. */
    helper = clone(run_helper, s->stacks + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_FILES, s);
    if (helper < 0)
        s->reason = errno;
    else
        while (waitpid(helper, &status, __WALL) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->reason;
}

int oji_worker_spawn(oji_worker_process *process, const char *path, int control, int words, uint8_t *stacks)
{
    start s = {path, -1, -1, stacks, -1, -1, 0};
    process->pid = 0;
    process->pidfd = -1;
    s.control = fcntl(control, F_DUPFD_CLOEXEC, CONTROL_FD + 1);
    s.words = fcntl(words, F_DUPFD_CLOEXEC, CONTROL_FD + 1);
    if (s.control < 0 || s.words < 0)
        s.reason = errno;
    else
        run_start(&s);
    if (s.control >= 0)
        close(s.control);
    if (s.words >= 0)
        close(s.words);
    process->pid = s.pid > 0 ? s.pid : 0;
    process->pidfd = oji_file_raise(s.pidfd);
    return s.reason;
}

/* Where there is no pidfd the keeper ends by itself when the control socket does. */
void oji_worker_kill(oji_worker_process *process)
{
#ifdef SYS_pidfd_send_signal
    if (process->pidfd >= 0)
        (void)syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0u);
#endif
    if (process->pidfd >= 0)
        close(process->pidfd);
    process->pidfd = -1;
    process->pid = 0;
}

/* --- where the program is ----------------------------------------------------------------------------------------- */

#ifndef OJI_WORKER_INSTALLED
#define OJI_WORKER_INSTALLED "/usr/local/libexec/ownjit-worker"
#endif

/* The file that holds this function: the shared library, or the program that the static one is linked into. Its name is
 * only a path where the dynamic linker searched for it. */
static bool find_own_folder(char *folder, size_t capacity)
{
    Dl_info info;
    char *slash;
    ssize_t length;
    if (dladdr((const void *)(uintptr_t)&oj_version, &info) != 0 && info.dli_fname && strchr(info.dli_fname, '/')) {
        oji_copy_text(folder, capacity, info.dli_fname);
    } else {
        length = readlink("/proc/self/exe", folder, capacity - 1);
        if (length <= 0)
            return false;
        folder[length] = '\0';
    }
    slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

oj_status oji_worker_find(char *path, size_t capacity, const char *given, oj_error *error)
{
    static const char *const beside[] = {"ownjit-worker", "../bin/ownjit-worker", "../libexec/ownjit-worker"};
    char folder[1024];
    const char *named = given ? given : secure_getenv("OWNJIT_WORKER");
    if (given || (named && named[0])) {
        if (strlen(named) >= capacity)
            return oji_fail(error, OJ_E_WORKER_START, "the path of the worker program is longer than %zu bytes",
                            capacity - 1);
        memcpy(path, named, strlen(named) + 1);
        return OJ_OK;
    }
    if (find_own_folder(folder, sizeof folder))
        for (size_t i = 0; i < OJI_COUNT(beside); i++)
            if ((size_t)snprintf(path, capacity, "%s/%s", folder, beside[i]) < capacity && access(path, X_OK) == 0)
                return OJ_OK;
    snprintf(path, capacity, "%s", OJI_WORKER_INSTALLED);
    return OJ_OK;
}
