/* An observer of every system call that a process, its threads and its children make: after each one it reads the
 * process's mappings. None may be writable and executable, and whatever the process says is live code must be readable
 * and executable in full.
 *
 * The observer is the test; the subject is a child that it traces. The subject tells what is live in shared memory,
 * after linking and before destroying; a table for each process, because after a fork the two go their own ways. */
#ifndef OJT_PUBLISH_OBSERVER_H
#define OJT_PUBLISH_OBSERVER_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OJT_MAX_LIVE = 1024, OJT_MAX_PROCESSES = 64, OJT_MAX_MAPPINGS = 4096, OJT_MAX_CALLS = 512, OJT_SKIPPED = 77 };

/* What one process says is live. Only its own thread changes it, and the observer reads it while that is stopped. */
typedef struct ojt_live {
    pid_t pid;
    uint32_t n;
    struct {
        uint64_t addr;
        uint64_t size;
    } ranges[OJT_MAX_LIVE];
} ojt_live;

typedef struct ojt_shared {
    volatile int failed_line; /* of the subject's source, 0 = none */
    uint32_t n_tables;
    ojt_live tables[OJT_MAX_PROCESSES];
} ojt_shared;

typedef enum ojt_violation { OJT_NONE = 0, OJT_WRITABLE_AND_EXECUTABLE, OJT_LIVE_NOT_EXECUTABLE } ojt_violation;

/* What was seen. Of violations the first is kept, with the system call it came after. */
typedef struct ojt_observation {
    ojt_violation violation;
    uint64_t after; /* number of the system call */
    uint64_t addr;
    pid_t pid;
    uint64_t n_looks;   /* readings of a process's mappings */
    uint64_t n_checked; /* live ranges looked up in them */
    uint64_t n_calls[OJT_MAX_CALLS];
    uint32_t n_processes;
    int status; /* of the subject, as from waitpid() */
    int killed; /* the signal that ended any of the processes, 0 = none */
} ojt_observation;

/* --- the subject's side ------------------------------------------------------------------------------------------- */

static inline ojt_live *ojt_live_of(ojt_shared *shared, pid_t pid)
{
    for (uint32_t i = 0; i < shared->n_tables; i++)
        if (shared->tables[i].pid == pid)
            return &shared->tables[i];
    return NULL;
}

/* False where the table is full. The count comes last: until then the entry is nothing to the observer. */
static inline bool ojt_live_add(ojt_live *live, uint64_t addr, uint64_t size)
{
    if (live->n == OJT_MAX_LIVE)
        return false;
    live->ranges[live->n].addr = addr;
    live->ranges[live->n].size = size;
    __atomic_store_n(&live->n, live->n + 1, __ATOMIC_RELEASE);
    return true;
}

static inline void ojt_live_remove(ojt_live *live, uint64_t addr)
{
    uint32_t i = 0;
    while (i < live->n && live->ranges[i].addr != addr)
        i++;
    if (i == live->n)
        return;
    live->ranges[i] = live->ranges[live->n - 1];
    __atomic_store_n(&live->n, live->n - 1, __ATOMIC_RELEASE);
}

/* --- the observer's side ------------------------------------------------------------------------------------------ */

typedef struct ojt_mapping {
    uint64_t start;
    uint64_t end;
    bool can_read, can_write, can_execute;
} ojt_mapping;

/* A thread that is traced. It may stop for the first time before its parent's stop tells whose child it is; it waits
 * for that, so that its table is there before it runs. */
typedef struct ojt_tracee {
    pid_t tid;
    uint64_t call; /* it is in, or was last in */
    bool is_announced;
    bool is_held;
} ojt_tracee;

typedef struct ojt_observer {
    ojt_shared *shared;
    ojt_observation *seen;
    ojt_tracee tracees[256];
    uint32_t n_tracees;
    ojt_mapping mappings[OJT_MAX_MAPPINGS];
    size_t n_mappings;
    char text[1 << 20];
} ojt_observer;

static inline ojt_tracee *ojt_tracee_of(ojt_observer *observer, pid_t tid)
{
    ojt_tracee *tracee;
    for (uint32_t i = 0; i < observer->n_tracees; i++)
        if (observer->tracees[i].tid == tid)
            return &observer->tracees[i];
    if (observer->n_tracees == sizeof observer->tracees / sizeof *observer->tracees)
        exit(3);
    tracee = &observer->tracees[observer->n_tracees++];
    *tracee = (ojt_tracee){.tid = tid};
    return tracee;
}

static inline size_t ojt_read_file(const char *path, char *text, size_t size)
{
    size_t length = 0;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    while (length + 1 < size && (n = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)n;
    close(fd);
    text[length] = '\0';
    return length;
}

static inline pid_t ojt_process_of(pid_t tid)
{
    char path[64], text[4096], *line;
    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    if (ojt_read_file(path, text, sizeof text) == 0 || !(line = strstr(text, "\nTgid:")))
        return 0;
    return (pid_t)strtol(line + 6, NULL, 10);
}

/* False where the process has none any more. */
static inline bool ojt_read_mappings(ojt_observer *observer, pid_t tid)
{
    char path[64], *line = observer->text;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)tid);
    observer->n_mappings = 0;
    if (ojt_read_file(path, observer->text, sizeof observer->text) == 0)
        return false;
    while (line && *line && observer->n_mappings < OJT_MAX_MAPPINGS) {
        ojt_mapping *mapping = &observer->mappings[observer->n_mappings++];
        mapping->start = strtoull(line, &line, 16);
        mapping->end = strtoull(line + 1, &line, 16);
        mapping->can_read = line[1] == 'r';
        mapping->can_write = line[2] == 'w';
        mapping->can_execute = line[3] == 'x';
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return true;
}

static inline void ojt_violated(ojt_observer *observer, ojt_violation violation, const ojt_tracee *tracee, pid_t pid,
                                uint64_t addr)
{
    ojt_observation *seen = observer->seen;
    if (seen->violation != OJT_NONE)
        return;
    seen->violation = violation;
    seen->after = tracee->call;
    seen->pid = pid;
    seen->addr = addr;
}

/* The first address of [addr, addr + size) that is not readable and executable; addr + size where all is. */
static inline uint64_t ojt_first_lost(const ojt_observer *observer, uint64_t addr, uint64_t size)
{
    size_t low = 0, high = observer->n_mappings;
    uint64_t end = addr + size;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (observer->mappings[middle].end <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    for (; addr < end && low < observer->n_mappings; low++) {
        const ojt_mapping *mapping = &observer->mappings[low];
        if (mapping->start > addr || !mapping->can_read || !mapping->can_execute)
            break;
        addr = mapping->end;
    }
    return addr < end ? addr : end;
}

static inline void ojt_look(ojt_observer *observer, const ojt_tracee *tracee)
{
    pid_t pid = ojt_process_of(tracee->tid);
    const ojt_live *live = ojt_live_of(observer->shared, pid);
    if (!ojt_read_mappings(observer, tracee->tid))
        return;
    observer->seen->n_looks++;
    for (size_t i = 0; i < observer->n_mappings; i++)
        if (observer->mappings[i].can_write && observer->mappings[i].can_execute)
            ojt_violated(observer, OJT_WRITABLE_AND_EXECUTABLE, tracee, pid, observer->mappings[i].start);
    for (uint32_t i = 0; live && i < live->n; i++) {
        uint64_t addr = live->ranges[i].addr, size = live->ranges[i].size;
        uint64_t lost = ojt_first_lost(observer, addr, size);
        observer->seen->n_checked++;
        if (lost != addr + size)
            ojt_violated(observer, OJT_LIVE_NOT_EXECUTABLE, tracee, pid, lost);
    }
}

static inline void ojt_resume(pid_t tid, int signal)
{
    /* Fails only where the thread was killed meanwhile: waitpid() tells. */
    (void)ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(intptr_t)signal);
}

/* A thread or process was made: a process starts with what is live in its parent. */
static inline void ojt_announce(ojt_observer *observer, pid_t parent)
{
    unsigned long message = 0;
    ojt_tracee *child;
    ojt_live *live = ojt_live_of(observer->shared, ojt_process_of(parent));
    if (ptrace(PTRACE_GETEVENTMSG, parent, NULL, &message) != 0)
        return;
    if (ojt_process_of((pid_t)message) == (pid_t)message) {
        observer->seen->n_processes++;
        if (live && observer->shared->n_tables < OJT_MAX_PROCESSES) {
            ojt_live *copy = &observer->shared->tables[observer->shared->n_tables];
            *copy = *live;
            copy->pid = (pid_t)message;
            observer->shared->n_tables++;
        }
    }
    child = ojt_tracee_of(observer, (pid_t)message);
    child->is_announced = true;
    if (child->is_held)
        ojt_resume(child->tid, 0);
    child->is_held = false;
}

static inline void ojt_at_call(ojt_observer *observer, ojt_tracee *tracee)
{
    struct __ptrace_syscall_info info = {0};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->tid, (void *)sizeof info, &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        tracee->call = info.entry.nr;
        if (tracee->call < OJT_MAX_CALLS)
            observer->seen->n_calls[tracee->call]++;
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        ojt_look(observer, tracee);
    }
}

static inline void ojt_at_stop(ojt_observer *observer, pid_t tid, int status)
{
    ojt_tracee *tracee = ojt_tracee_of(observer, tid);
    int signal = WSTOPSIG(status), event = status >> 16;
    if (event != 0) {
        if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE)
            ojt_announce(observer, tid);
        ojt_resume(tid, 0);
    } else if (signal == (SIGTRAP | 0x80)) {
        ojt_at_call(observer, tracee);
        ojt_resume(tid, 0);
    } else if (signal == SIGSTOP) {
        ojt_look(observer, tracee);
        tracee->is_held = !tracee->is_announced;
        if (!tracee->is_held)
            ojt_resume(tid, 0);
    } else {
        ojt_resume(tid, signal);
    }
}

static inline void ojt_watch(ojt_observer *observer, pid_t subject)
{
    pid_t tid;
    int status;
    while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (tid <= 0)
            continue;
        if (WIFSTOPPED(status)) {
            ojt_at_stop(observer, tid, status);
            continue;
        }
        if (WIFSIGNALED(status))
            observer->seen->killed = WTERMSIG(status);
        if (tid == subject)
            observer->seen->status = status;
    }
}

/* Run `subject` in a child and watch it and all its children to their ends. False where tracing is not allowed here. */
static inline bool ojt_observe(int (*subject)(ojt_shared *shared, void *context), void *context, ojt_observation *seen,
                               int *failed_line)
{
    const long options =
        PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    ojt_shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ojt_observer *observer = calloc(1, sizeof *observer);
    bool is_traced = false;
    pid_t pid;
    int status;
    memset(seen, 0, sizeof *seen);
    if (shared == MAP_FAILED || !observer)
        exit(3);
    observer->shared = shared;
    observer->seen = seen;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(OJT_SKIPPED);
        raise(SIGSTOP);
        _exit(subject(shared, context));
    }
    shared->tables[0].pid = pid;
    shared->n_tables = 1;
    ojt_tracee_of(observer, pid)->is_announced = true;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
        ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) == 0) {
        is_traced = true;
        seen->n_processes = 1;
        ojt_resume(pid, 0);
        ojt_watch(observer, pid);
    }
    *failed_line = shared->failed_line;
    free(observer);
    munmap(shared, sizeof *shared);
    return is_traced;
}

#endif
