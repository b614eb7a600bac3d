/* What tests do with processes: children that end with a status, and descriptors counted. For programs without cmocka
 * too: what cannot fail on a working system aborts. */
#ifndef OJT_PROCESS_H
#define OJT_PROCESS_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing that waits in a stream is written twice. */
static inline pid_t ojt_fork(void)
{
    pid_t child;
    fflush(NULL);
    child = fork();
    if (child < 0)
        abort();
    return child;
}

/* Its exit status, or 128 and the signal that ended it, as shells have it. */
static inline int ojt_wait(pid_t child)
{
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        abort();
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* In a child; what `run` returns is its exit status. */
static inline int ojt_in_child(int (*run)(void))
{
    pid_t child = ojt_fork();
    if (child == 0)
        _exit(run());
    return ojt_wait(child);
}

/* The same of what returns where all is well. */
static inline int ojt_returns_in_child(void (*run)(void))
{
    pid_t child = ojt_fork();
    if (child == 0) {
        run();
        _exit(0);
    }
    return ojt_wait(child);
}

static inline int ojt_count_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;
    if (!folder)
        abort();
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

#endif
