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
#include <sys/ioctl.h>
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

/* A pair of sockets that a worker might find open. */
static int ready[2];
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
/* Of root's processes, whose hard limits bind them only without their capabilities. */
static long try_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_max++;
    return setrlimit(RLIMIT_NOFILE, &limit);
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
static long try_kill_parent(void) { return kill(getppid(), 0); }
static long try_parents_memory(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)victim);
    return open(path, O_RDWR);
}
static long try_ioctl(void)
{
    int n;
    return ioctl(ready[0], FIONREAD, &n);
}
/* Undoing a connection is one of its uses, and works anywhere. */
static long try_connect(void)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    return connect(ready[1], &none, sizeof none);
}
static long try_landlock(void) { return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1u); }
static long try_affinity(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? sched_setaffinity(0, sizeof set, &set) : 0;
}
static long try_unshare(void) { return unshare(CLONE_FILES); }
static long try_namespaces(void) { return unshare(CLONE_NEWUSER); }
static long try_map_open_file(void)
{
    int fd = open("/etc/passwd", O_RDONLY);
    return fd < 0 || mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0;
}
static long try_receive_signal(void) { return fcntl(ready[0], F_SETOWN, getpid()); }
static int end_at_once(void *argument)
{
    (void)argument;
    return 0;
}
static long try_vfork(void)
{
    static _Alignas(16) char stack[16384];
    return clone(end_at_once, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
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
                    {"raise a limit", try_raise_limit},
                    {"map code", try_map_code},
                    {"make code of data", try_protect_code},
                    {"map code of a file", try_map_file_code},
                    {"personality", try_personality},
                    {"owner of signals", try_own_signals},
                    {"prctl", try_dumpable},
                    {"uname", try_uname},
                    {"inotify", try_inotify},
                    {"timer", try_timer},
                    {"kill the parent", try_kill_parent},
                    {"another's /proc/PID/mem", try_parents_memory},
                    {"ioctl", try_ioctl},
                    {"connect", try_connect},
                    {"landlock", try_landlock},
                    {"affinity", try_affinity},
                    {"unshare", try_unshare},
                    {"new name space", try_namespaces},
                    {"open and map", try_map_open_file},
                    {"owner of a socket", try_receive_signal},
                    {"vfork", try_vfork},
                    {"shared memory", try_shared_memory}};
    (void)state;
    if (!(oji_worker_probe_confinement() & OJI_WIRE_CONFINED_SECCOMP))
        skip();
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ready), 0);
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
    close(ready[0]);
    close(ready[1]);
}

/* --- every number ------------------------------------------------------------------------------------------------- */

#define LAST_CALL 512

/* What may succeed, or depends on arguments: each of these was thought about. */
static const int known_calls[] = {
    SYS_read,
    SYS_write,
    SYS_writev,
    SYS_pread64,
    SYS_lseek,
    SYS_close,
    SYS_dup3,
    SYS_close_range,
    SYS_fstat,
    SYS_fstatfs,
    SYS_ftruncate,
    SYS_memfd_create,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_ppoll,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_exit,
    SYS_exit_group,
    SYS_rt_sigaction,
    SYS_rt_sigreturn,
    SYS_rt_sigprocmask,
    SYS_sigaltstack,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_getpid,
    SYS_gettid,
    SYS_getppid,
    SYS_sched_yield,
    SYS_getrusage,
    SYS_sched_getaffinity,
    SYS_set_robust_list,
    SYS_restart_syscall,
    SYS_rseq,
#ifdef SYS_mmap
    SYS_mmap,
#endif
    SYS_mprotect,
    SYS_clone,
    SYS_tgkill,
    SYS_prlimit64,
    SYS_fcntl,
#ifdef SYS_poll
    SYS_poll,
    SYS_dup2,
#endif
#ifdef SYS__llseek
    SYS_mmap2,
    SYS_fcntl64,
    SYS__llseek,
    SYS_fstat64,
    SYS_fstatfs64,
    SYS_ftruncate64,
    SYS_sigreturn,
#endif
#ifdef SYS_futex_time64
    SYS_futex_time64,
    SYS_ppoll_time64,
    SYS_clock_gettime64,
#endif
#ifdef SYS_socketcall
    SYS_socketcall,
#endif
#ifdef __x86_64__
    335, /* uretprobe, uprobe: no filter is asked, and who is not the kernel's own page is killed for the call */
    336,
#endif
};

static bool is_known(int number)
{
    for (size_t i = 0; i < OJI_COUNT(known_calls); i++)
        if (known_calls[i] == number)
            return true;
    return false;
}

/* What each number answers, with arguments that no call can do anything with. */
static void try_numbers(int *answers, int first)
{
    for (int number = 0; number < LAST_CALL; number++)
        if (first != 0 || !is_known(number))
            answers[number] = syscall(first + number, -1L, -1L, -1L, -1L, -1L, -1L) == -1 ? errno : 0;
}

static int *run_numbers(int first)
{
    int *answers = mmap(NULL, LAST_CALL * sizeof *answers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid;
    assert_true(answers != MAP_FAILED);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        oji_worker_confine();
        try_numbers(answers, first);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return answers;
}

/* x86-64 has a second set of numbers, x32's, of the same architecture for a filter. */
static void confine_refuses_every_other_call(void **state)
{
    static const int sets[] = {0, 0x40000000};
    (void)state;
    if (!(oji_worker_probe_confinement() & OJI_WIRE_CONFINED_SECCOMP))
        skip();
    for (size_t set = 0; set < OJI_COUNT(sets); set++) {
        int *answers = run_numbers(sets[set]);
        for (int number = 0; number < LAST_CALL; number++) {
            if (sets[set] == 0 && is_known(number))
                continue;
            if (answers[number] != EPERM && !(number == SYS_clone3 && answers[number] == ENOSYS))
                fail_msg("call %#x: error %d", (unsigned)(sets[set] + number), answers[number]);
        }
        munmap(answers, LAST_CALL * sizeof *answers);
    }
}

/* The numbers of another architecture mean other calls: getpid() by 32-bit x86's is the end. */
static void confine_kills_who_calls_by_other_numbers(void **state)
{
    (void)state;
#if defined(__x86_64__)
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        long result = 20;
        oji_worker_confine();
        __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    /* SIGSYS by the filter; SIGSEGV where the kernel has no such calls. */
    assert_true(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV));
#else
    skip();
#endif
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

static oji_worker_message room_for_message(void)
{
    static uint8_t bytes[OJI_WIRE_MAX_SIZE];
    oji_worker_message message = {.capacity = sizeof bytes, .bytes = bytes};
    return message;
}

static int send_message(int fd)
{
    static uint8_t bytes[OJI_WIRE_MAX_SIZE];
    static const oji_wire_exit any = {0, 0, 0, {"", 0}};
    return oji_worker_send(fd, bytes, oji_wire_put_exit(bytes, 1, &any), -1, true);
}

/* Behind the filter a message is waited for, taken, and answered. */
static bool can_answer(int fd)
{
    oji_worker_message message = room_for_message();
    return oji_worker_wait(fd, oji_now() + UINT64_C(5000000000)) == 0 && oji_worker_receive(fd, &message) == 0 &&
           send_message(fd) == 0;
}

static void confine_leaves_the_socket(void **state)
{
    oji_worker_message message = room_for_message();
    int fds[2], status;
    pid_t pid;
    (void)state;
    assert_int_equal(oji_worker_make_pair(fds), 0);
    assert_int_equal(send_message(fds[0]), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        oji_worker_confine();
        _exit(can_answer(fds[1]) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(oji_worker_receive(fds[0], &message), 0);
    close(fds[0]);
    close(fds[1]);
}

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

OJT_MAIN(cmocka_unit_test(confine_every_attempt_fails), cmocka_unit_test(confine_refuses_every_other_call),
         cmocka_unit_test(confine_kills_who_calls_by_other_numbers), cmocka_unit_test(confine_reports_what_is_in_force),
         cmocka_unit_test(confine_leaves_the_socket), cmocka_unit_test(confine_leaves_what_compiling_needs))
