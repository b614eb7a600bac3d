/* What a worker that has been taken over could still do. Each attempt is made in a child that has confined itself as
 * workers do; it must fail, and must work in a child that has not, or the attempt itself would be wrong. */
#include "support/test.h"

#include "worker/program.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t victim;
static int victim_word;

static long try_open(void) { return open("/etc/passwd", O_RDONLY); }
static long try_open_self(void) { return open("/proc/self/maps", O_RDONLY); }
static long try_create(void) { return open("/tmp", O_TMPFILE | O_RDWR, 0600); }
static long try_openat2(void)
{
    uint64_t how[3] = {O_RDONLY, 0, 0};
    return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof how);
}
static long try_stat(void)
{
    struct stat status;
    return stat("/etc/passwd", &status);
}
static long try_readlink(void)
{
    char text[64];
    return readlink("/proc/self/exe", text, sizeof text);
}
static long try_access(void) { return access("/etc/passwd", F_OK); }
static long try_chdir(void) { return chdir("/"); }
static long try_socket(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static long try_unix_socket(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static long try_pair(void)
{
    int pair[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}
static long try_fork(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return pid;
}
static long try_libc_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}
/* Succeeds by not coming back: the status that counts as success is the program's. */
static long try_exec(void)
{
    char name[] = "true";
    char *argv[] = {name, NULL};
    return execve("/bin/true", argv, NULL);
}
static long try_kill(void) { return kill(victim, 0); }
static long try_tgkill(void) { return syscall(SYS_tgkill, victim, victim, 0); }
static long try_pidfd(void) { return syscall(SYS_pidfd_open, victim, 0); }
static long try_ptrace(void) { return ptrace(PTRACE_SEIZE, victim, NULL, NULL); }
static long try_read_memory(void)
{
    int copy;
    struct iovec ours = {&copy, sizeof copy}, theirs = {&victim_word, sizeof victim_word};
    return process_vm_readv(victim, &ours, 1, &theirs, 1, 0);
}
static long try_limit_other(void)
{
    struct rlimit limit;
    return prlimit(victim, RLIMIT_NOFILE, NULL, &limit);
}
static long try_map_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? -1 : 0;
}
static long try_protect_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? 0 : mprotect(page, 4096, PROT_READ | PROT_EXEC);
}
static long try_map_file_code(void)
{
    int fd = memfd_create("code", MFD_CLOEXEC);
    void *page;
    if (fd < 0 || ftruncate(fd, 4096) != 0)
        return 0;
    page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? -1 : 0;
}
static long try_personality(void) { return syscall(SYS_personality, 0xFFFFFFFFul); }
static long try_own_signals(void) { return fcntl(STDOUT_FILENO, F_GETOWN); }
static long try_dumpable(void) { return prctl(PR_GET_DUMPABLE) < 0 ? -1 : 0; }
static long try_uname(void)
{
    char buffer[1024];
    return syscall(SYS_uname, buffer);
}
static long try_inotify(void) { return syscall(SYS_inotify_init1, 0); }
static long try_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    int timer;
    return syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer);
}
static long try_shared_memory(void) { return syscall(SYS_shmget, 0, 4096ul, 0600); }

/* 0 = it worked, 1 = it did not; 2 = it failed for the wrong reason. */
static int attempt(long (*function)(void), bool is_confined)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (is_confined && !(oji_worker_confine() & OJI_WIRE_CONFINED_SECCOMP))
            _exit(3);
        if (function() >= 0)
            _exit(0);
        _exit(errno == EPERM || errno == ENOSYS ? 1 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static void start_victim(void)
{
    victim = fork();
    assert_true(victim >= 0);
    if (victim == 0)
        for (;;)
            pause();
}

static void end_victim(void)
{
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
}

static void confine_every_attempt_fails(void **state)
{
    static const struct {
        const char *name;
        long (*function)(void);
    } attempts[] = {{"open a file", try_open},
                    {"open /proc", try_open_self},
                    {"create a file", try_create},
                    {"openat2", try_openat2},
                    {"stat", try_stat},
                    {"readlink", try_readlink},
                    {"access", try_access},
                    {"chdir", try_chdir},
                    {"internet socket", try_socket},
                    {"unix socket", try_unix_socket},
                    {"socket pair", try_pair},
                    {"fork by system call", try_fork},
                    {"fork of the C library", try_libc_fork},
                    {"execute", try_exec},
                    {"kill", try_kill},
                    {"tgkill", try_tgkill},
                    {"pidfd_open", try_pidfd},
                    {"ptrace", try_ptrace},
                    {"read another's memory", try_read_memory},
                    {"prlimit of another", try_limit_other},
                    {"map code", try_map_code},
                    {"make code of data", try_protect_code},
                    {"map code of a file", try_map_file_code},
                    {"personality", try_personality},
                    {"owner of signals", try_own_signals},
                    {"prctl", try_dumpable},
                    {"uname", try_uname},
                    {"inotify", try_inotify},
                    {"timer", try_timer},
                    {"shared memory", try_shared_memory}};
    (void)state;
    if (!(oji_worker_probe_confinement() & OJI_WIRE_CONFINED_SECCOMP))
        skip();
    start_victim();
    for (size_t i = 0; i < OJI_COUNT(attempts); i++) {
        int without = attempt(attempts[i].function, false), with = attempt(attempts[i].function, true);
        /* Some systems forbid some of it to everybody. */
        if (without != 0)
            print_message("%s: is not possible here anyway (%d)\n", attempts[i].name, without);
        if (with != 1)
            fail_msg("%s: ended with %d", attempts[i].name, with);
    }
    end_victim();
}

/* What the greeting promises is what workers then have. */
static void confine_reports_what_is_in_force(void **state)
{
    uint32_t possible = oji_worker_probe_confinement();
    int status;
    pid_t pid = fork();
    (void)state;
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(oji_worker_confine() == possible ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void *nothing(void *argument) { return argument; }

/* What compiling needs goes on: memory, threads, memory files, and the abort() that LLVM ends with. */
static void confine_leaves_what_compiling_needs(void **state)
{
    int status;
    pid_t pid = fork();
    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        void *object, *memory;
        pthread_t thread;
        int file;
        oji_worker_confine();
        memory = malloc(64u << 20);
        if (!memory || pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
            _exit(1);
        memset(memory, 1, 64u << 20);
        if (oji_worker_make_file("bytes", 5, &file) != 0 || oji_worker_map_file(file, 5, &object) != 0 ||
            memcmp(object, "bytes", 5) != 0)
            _exit(2);
        abort();
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

OJT_MAIN(cmocka_unit_test(confine_every_attempt_fails), cmocka_unit_test(confine_reports_what_is_in_force),
         cmocka_unit_test(confine_leaves_what_compiling_needs))
