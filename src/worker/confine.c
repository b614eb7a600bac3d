/* What a worker gives up before it reads the first byte of a client's. LLVM is loaded and has its targets by then, so
 * that it needs memory, threads of its own (for capturing what it prints), memory files, and its socket.
 *
 * The filter is a list of what is allowed. Everything else fails with EPERM rather than killing: libraries of other
 * versions try calls that they can do without. */
#include "worker/program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- seccomp ------------------------------------------------------------------------------------------------------ */

#define ALLOW SECCOMP_RET_ALLOW
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define MAX_INSTRUCTIONS 256

/* Which argument of clone() has the flags: the build says where it is not the first. */
#ifndef OJI_WORKER_CLONE_FLAGS
#define OJI_WORKER_CLONE_FLAGS 0u
#endif

/* s390x gives the arguments of mmap() in memory, where a filter cannot look: the build says so. */
#ifndef OJI_WORKER_SEES_MMAP
#define OJI_WORKER_SEES_MMAP 1
#endif

/* Since Linux 6.3. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1u
#endif

/* 32-bit systems have calls of their own for 64-bit offsets, whose conditions are on the same arguments. */
#ifdef SYS_mmap2
enum { MMAP = SYS_mmap2, FCNTL = SYS_fcntl64 };
#else
enum { MMAP = SYS_mmap, FCNTL = SYS_fcntl };
#endif

/* Without conditions on their arguments. Numbers that the architecture has no call for are left out. */
static const int allowed_calls[] = {
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
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_dup2
    SYS_dup2,
#endif
/* 32-bit systems: offsets, sizes and times of 64 bits, and the way back from handlers of the older kind. */
#ifdef SYS__llseek
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
};

/* Commands of fcntl(): those that set owner and signal would reach other processes. */
static const uint32_t allowed_commands[] = {F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_ADD_SEALS, F_GET_SEALS};

/* Older systems have one call for all of sockets: C libraries for kernels before 4.3 send and receive by it. */
#ifdef SYS_socketcall
static const uint32_t allowed_socket_calls[] = {SYS_SENDMSG, SYS_RECVMSG};
#endif

typedef struct program {
    struct sock_filter code[MAX_INSTRUCTIONS];
    unsigned short n;
} program;

static void emit(program *p, uint16_t code, uint32_t value, uint8_t if_true, uint8_t if_false)
{
    struct sock_filter instruction = {code, if_true, if_false, value};
    OJI_ASSERT(p->n < MAX_INSTRUCTIONS);
    if (p->n < MAX_INSTRUCTIONS)
        p->code[p->n++] = instruction;
}

static void load(program *p, size_t offset) { emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0); }

/* The lower half: the kernel reads these arguments as 32 bits, and the upper half says nothing. */
static void load_argument(program *p, unsigned index)
{
    load(p, offsetof(struct seccomp_data, args) + index * sizeof(uint64_t) + (OJI_HOST_IS_BIG ? 4 : 0));
}

static void answer(program *p, uint32_t action) { emit(p, BPF_RET | BPF_K, action, 0, 0); }

/* Go on with the next instruction where the number is `call`, else after `length` more; the number stays loaded. */
static void if_call(program *p, int call, uint8_t length)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, length);
}

static void allow_call(program *p, int call)
{
    if_call(p, call, 1);
    answer(p, ALLOW);
}

/* Allowed where the argument is one of `values`. */
static void allow_values(program *p, int call, unsigned index, const uint32_t *values, size_t n)
{
    if_call(p, call, (uint8_t)(2 * n + 2));
    load_argument(p, index);
    for (size_t i = 0; i < n; i++) {
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, values[i], 0, 1);
        answer(p, ALLOW);
    }
    answer(p, REFUSE);
}

/* `bits_set`: allowed where one of `bits` is set, or else where none is. */
static void allow_by_bits(program *p, int call, unsigned index, uint32_t bits, bool bits_set)
{
    if_call(p, call, 4);
    load_argument(p, index);
    emit(p, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    answer(p, bits_set ? ALLOW : REFUSE);
    answer(p, bits_set ? REFUSE : ALLOW);
}

/* Threads are this process's own; a new process is none. The kernel gives clone3()'s flags in memory, where a filter
 * cannot look: the C library goes back to clone() where it is not there. abort() signals by tgkill(). */
static void build(program *p, uint32_t architecture)
{
    static const uint32_t self = 0;
    const uint32_t pid = (uint32_t)getpid();
    load(p, offsetof(struct seccomp_data, arch));
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0);
    answer(p, SECCOMP_RET_KILL_PROCESS);
    load(p, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < OJI_COUNT(allowed_calls); i++)
        allow_call(p, allowed_calls[i]);
    if (OJI_WORKER_SEES_MMAP)
        allow_by_bits(p, MMAP, 2, PROT_EXEC, false);
    else
        allow_call(p, MMAP);
    allow_by_bits(p, SYS_mprotect, 2, PROT_EXEC, false);
    allow_by_bits(p, SYS_clone, OJI_WORKER_CLONE_FLAGS, CLONE_THREAD, true);
    allow_values(p, SYS_tgkill, 0, &pid, 1);
    allow_values(p, SYS_prlimit64, 0, &self, 1);
    allow_values(p, FCNTL, 1, allowed_commands, OJI_COUNT(allowed_commands));
#ifdef SYS_socketcall
    allow_values(p, SYS_socketcall, 0, allowed_socket_calls, OJI_COUNT(allowed_socket_calls));
#endif
#ifdef SYS_clone3
    if_call(p, SYS_clone3, 1);
    answer(p, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    answer(p, REFUSE);
}

/* The build says which architecture's numbers it has; without one there is no filter. */
#ifndef OJI_WORKER_AUDIT_ARCH
#define OJI_WORKER_AUDIT_ARCH 0u
#endif

static uint32_t filter_calls(void)
{
    program p;
    struct sock_fprog filter;
    if (OJI_WORKER_AUDIT_ARCH == 0)
        return 0;
    p.n = 0;
    build(&p, OJI_WORKER_AUDIT_ARCH);
    filter.len = p.n;
    filter.filter = p.code;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 ? OJI_WIRE_CONFINED_SECCOMP : 0;
}

static bool has_filters(void)
{
    uint32_t action = SECCOMP_RET_ERRNO;
    return OJI_WORKER_AUDIT_ARCH != 0 && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0u, &action) == 0;
}

/* --- landlock: no path at all, whatever a call that the filter misses might do ------------------------------------ */

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif
#define RULESET_VERSION 1u

/* Source: landlock(7): access rights of the file system by version of the interface, of TCP, and scopes. */
typedef struct ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
} ruleset;

static int landlock_version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, RULESET_VERSION);
}

/* Bits of a later version, and members it does not know, are refused. */
static uint32_t restrict_paths(void)
{
    static const uint8_t n_rights[] = {0, 13, 14, 15, 15, 16};
    int version = landlock_version(), fd;
    ruleset rules = {0, 0, 0};
    size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    long done;
    if (version < 1)
        return 0;
    rules.files = (UINT64_C(1) << n_rights[version < 5 ? version : 5]) - 1;
    rules.net = version >= 4 ? 3 : 0;
    rules.scoped = version >= 6 ? 3 : 0;
    fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0u);
    if (fd < 0)
        return 0;
    done = syscall(SYS_landlock_restrict_self, fd, 0u);
    close(fd);
    return done == 0 ? OJI_WIRE_CONFINED_LANDLOCK : 0;
}

/* --- capabilities: a worker of root's may not raise its limits again ---------------------------------------------- */

static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    memset(none, 0, sizeof none);
    (void)syscall(SYS_capset, &header, none);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

uint32_t oji_worker_probe_confinement(void)
{
    return (has_filters() ? OJI_WIRE_CONFINED_SECCOMP : 0) | (landlock_version() >= 1 ? OJI_WIRE_CONFINED_LANDLOCK : 0);
}

/* Landlock before the filter, which refuses its calls. */
uint32_t oji_worker_confine(void)
{
    uint32_t confined;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return 0;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    /* What is written is never executed, for where the filter does not see it. */
    prctl(PR_SET_MDWE, (unsigned long)PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
    drop_capabilities();
    confined = restrict_paths();
    return confined | filter_calls();
}
