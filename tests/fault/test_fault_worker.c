/* Every system call that the client's side of a worker pool makes fails in turn, until a compile gets through: each time
 * a status, and nothing is left behind: no descriptor, no child, no memory, no slot that stays busy.
 *
 * System calls are interposed: this program is linked with the static library, whose calls come here. The worker
 * program is the liar telling the truth, so that no LLVM is needed. */
#include "support/test.h"

#include <ownjit/ownjit.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool armed;
static long calls_left;
static long n_seen;
static int failure;

static bool fails(void)
{
    if (!armed)
        return false;
    n_seen++;
    if (calls_left-- != 0)
        return false;
    errno = failure;
    return true;
}

int memfd_create(const char *name, unsigned flags)
{
    return fails() ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    return fails() ? -1 : (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return fails() ? -1 : (ssize_t)syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    return fails() ? -1 : (ssize_t)syscall(SYS_recvmsg, fd, message, flags);
}

int poll(struct pollfd *entries, nfds_t n, int ms) { return fails() ? -1 : (int)syscall(SYS_poll, entries, n, ms); }

ssize_t write(int fd, const void *bytes, size_t size)
{
    return fails() ? -1 : (ssize_t)syscall(SYS_write, fd, bytes, size);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset)
{
    return fails() ? -1 : (ssize_t)syscall(SYS_pread64, fd, bytes, size, offset);
}

int fcntl(int fd, int command, ...)
{
    va_list arguments;
    long argument;
    va_start(arguments, command);
    argument = va_arg(arguments, long);
    va_end(arguments);
    return fails() ? -1 : (int)syscall(SYS_fcntl, fd, command, argument);
}

/* The helper's own clone() is made in a child, where `armed` is this process's all the same. */
int __clone(int (*function)(void *), void *stack, int flags, void *argument, ...);
int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
    return fails() ? -1 : __clone(function, stack, flags, argument);
}

/* --- the compile under test --------------------------------------------------------------------------------------- */

static char liar_path[4096];
static const char ir_text[] = "define void @f() {\n  ret void\n}\n";

static void find_liar(void)
{
    ssize_t length = readlink("/proc/self/exe", liar_path, sizeof liar_path - 32);
    assert_true(length > 0);
    liar_path[length] = '\0';
    strcpy(strrchr(liar_path, '/'), "/worker_liar");
    setenv("OJT_LIE", "", 1);
}

static int count_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static oj_status compile_once(oj_workers *workers, oj_error *error)
{
    oj_compiler_options options;
    oj_compiler *compiler = NULL;
    oj_bytes *bytes = NULL;
    oj_ir ir = oj_ir_bytes(ir_text, sizeof ir_text - 1);
    oj_status status;
    oj_compiler_options_init(&options);
    options.isolation = OJ_ISOLATION_WORKER;
    options.workers = workers;
    options.deadline_ms = 5000;
    status = oj_compiler_create(&compiler, &options, error);
    if (status == OJ_OK)
        status = oj_compile_object(compiler, &ir, &bytes, error);
    assert_true((bytes != NULL) == (status == OJ_OK));
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    return status;
}

static oj_workers *create_pool(void)
{
    oj_workers_options options;
    oj_workers *workers;
    oj_workers_options_init(&options);
    options.path = liar_path;
    options.n_workers = 1;
    options.start_ms = 5000;
    assert_int_equal(oj_workers_create(&workers, &options, NULL), OJ_OK);
    return workers;
}

/* What cannot be told apart from a worker's own end is met by trying again: some failures end in success. */
static long fail_in_turn(int reason, long *n_statuses)
{
    long step = 0;
    for (bool was_met = true; was_met; step++) {
        oj_workers *workers = create_pool();
        oj_workers_stats stats;
        oj_error error;
        oj_status status;
        int before = count_files();
        failure = reason;
        calls_left = step;
        n_seen = 0;
        armed = true;
        status = compile_once(workers, &error);
        armed = false;
        was_met = n_seen > step;
        if (status != OJ_OK) {
            assert_true(was_met);
            assert_true(error.text[0] != '\0');
            assert_int_not_equal(status, OJ_E_MISUSE);
            (*n_statuses)++;
        }
        assert_int_equal(oj_workers_get_stats(workers, &stats, sizeof stats), OJ_OK);
        assert_int_equal(stats.n_busy, 0);
        assert_int_equal(stats.n_waiting, 0);
        if (compile_once(workers, &error) != OJ_OK)
            fail_msg("step %ld: no retry succeeds: %s", step, error.text);
        oj_workers_destroy(workers);
        assert_int_equal(count_files(), before);
        assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
        assert_int_equal(errno, ECHILD);
        assert_true(step < 500);
    }
    return step;
}

static void fault_worker_calls_fail_in_turn(void **state)
{
    static const int reasons[] = {ENOMEM, EMFILE, EPERM};
    (void)state;
    if (getenv("OJT_VALGRIND")) /* knows no clone() but those of threads and fork() */
        skip();
    find_liar();
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        long n_statuses = 0, n = fail_in_turn(reasons[i], &n_statuses);
        print_message("%ld calls fail in turn, %ld of them with a status\n", n - 1, n_statuses);
        assert_true(n > 20);
        assert_true(n_statuses > 10);
    }
}

/* Interrupted calls are made again: nothing of it is seen. */
static void fault_worker_interrupted_calls_go_on(void **state)
{
    long n_statuses = 0;
    (void)state;
    if (getenv("OJT_VALGRIND")) /* knows no clone() but those of threads and fork() */
        skip();
    find_liar();
    assert_true(fail_in_turn(EINTR, &n_statuses) > 20);
    /* Calls that are never interrupted (making a socket, say) fail with it all the same. */
    assert_true(n_statuses < 12);
}

OJT_MAIN(cmocka_unit_test(fault_worker_calls_fail_in_turn), cmocka_unit_test(fault_worker_interrupted_calls_go_on))
