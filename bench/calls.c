/* System calls counted exactly: a child that is traced, each of its calls seen as it is made. Only the thread that
 * runs the body is traced; what is measured makes no other. */
#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 120
#define NOT_ALLOWED 77

/* Made once while counting and taken off again: a tracer that does not see it sees nothing. */
#define WITNESS SYS_getppid

void bench_calls_begin(bench_calls *calls)
{
    calls->is_counting = true;
    syscall(WITNESS);
}

void bench_calls_end(bench_calls *calls) { calls->is_counting = false; }

static void at_call(pid_t child, bench_calls *calls)
{
    struct __ptrace_syscall_info info = {0};
    if (!calls->is_counting || ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr < BENCH_MAX_CALL)
        calls->n[info.entry.nr]++;
}

/* Returns the child's status as waitpid() gives it. */
static int watch(pid_t child, bench_calls *calls)
{
    int status = 0, signal = 0;
    for (;;) {
        if (ptrace(PTRACE_SYSCALL, child, NULL, (void *)(intptr_t)signal) != 0)
            return -1;
        if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
            return status;
        bool is_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        signal = is_call ? 0 : WSTOPSIG(status);
        if (is_call)
            at_call(child, calls);
    }
}

bool bench_count_calls(bool (*body)(bench_calls *, void *), void *context, bench_calls *calls, bool *is_allowed)
{
    int status;
    fflush(NULL);
    *is_allowed = false;
    pid_t child = fork();
    if (child < 0)
        return bench_fail("fork failed");
    if (child == 0) {
        alarm(SECONDS);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(NOT_ALLOWED);
        raise(SIGSTOP);
        _exit(body(calls, context) ? 0 : 1);
    }
    if (waitpid(child, &status, 0) != child)
        return bench_fail("waitpid failed");
    if (!WIFSTOPPED(status))
        return WIFEXITED(status) && WEXITSTATUS(status) == NOT_ALLOWED;
    if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(intptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) != 0) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        return true;
    }
    *is_allowed = true;
    status = watch(child, calls);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return bench_fail("a traced measurement failed");
    return BENCH_CHECK(calls->n[WITNESS]-- == 1);
}

uint64_t bench_calls_total(const bench_calls *calls)
{
    uint64_t total = 0;
    for (size_t i = 0; i < BENCH_MAX_CALL; i++)
        total += calls->n[i];
    return total;
}

static const char *name_of(size_t number)
{
    static const struct {
        size_t number;
        const char *name;
    } names[] = {{SYS_mmap, "mmap"},           {SYS_munmap, "munmap"},         {SYS_mprotect, "mprotect"},
                 {SYS_mremap, "mremap"},       {SYS_madvise, "madvise"},       {SYS_brk, "brk"},
                 {SYS_fallocate, "fallocate"}, {SYS_membarrier, "membarrier"}, {SYS_memfd_create, "memfd_create"},
                 {SYS_ftruncate, "ftruncate"}, {SYS_fcntl, "fcntl"},           {SYS_close, "close"},
                 {SYS_futex, "futex"},         {SYS_openat, "openat"},         {SYS_pwrite64, "pwrite64"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number)
            return names[i].name;
    return NULL;
}

void bench_calls_describe(const bench_calls *calls, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < BENCH_MAX_CALL && length < size; i++) {
        const char *name = name_of(i), *separator = length ? ", " : "";
        if (calls->n[i] == 0)
            continue;
        length += (size_t)(name ? snprintf(text + length, size - length, "%s%llu %s", separator,
                                           (unsigned long long)calls->n[i], name)
                                : snprintf(text + length, size - length, "%s%llu of number %zu", separator,
                                           (unsigned long long)calls->n[i], i));
    }
    if (length == 0)
        snprintf(text, size, "none");
}
