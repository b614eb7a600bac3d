/* What keeper and workers have of the client's process, and what of theirs reaches it: no signal, and no descriptor. */
#include "test_llvm_worker_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t n_signals[NSIG];

static void count_signal(int number) { n_signals[number]++; }

/* Each signal that can be caught, but those of faults, which are ours if they come. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    for (int number = 1; number < 32; number++)
        if (number != SIGSEGV && number != SIGBUS && number != SIGFPE && number != SIGILL && number != SIGABRT)
            sigaction(number, &action, NULL);
}

static pid_t first_worker(oj_workers *workers)
{
    pid_t pid = 0;
    return worker_pids(workers, &pid, 1) == 1 ? pid : 0;
}

static void kill_and_wait(pid_t pid)
{
    char path[64], state = 0;
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int i = 0; i < 500; i++) {
        FILE *file = fopen(path, "r");
        bool is_there = file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
        if (file)
            fclose(file);
        if (!is_there || state == 'Z')
            return;
        sleep_ms(5);
    }
}

/* Sending to a worker, then to a keeper, that has ended would raise SIGPIPE; the end of a child SIGCHLD. */
static void worker_no_signal_reaches_the_client(void **state)
{
    oj_workers *workers;
    oj_compiler *compiler;
    (void)state;
    catch_signals();
    workers = open_pool_of(1);
    compiler = open_compiler(workers);
    for (int i = 0; i < 3; i++) {
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
        kill_and_wait(first_worker(workers));
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
        kill_and_wait(stats_of(workers).keeper_pid);
        compile_fails(compiler, fatal_ir, OJ_E_WORKER_CRASHED);
    }
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    for (int number = 1; number < 32; number++)
        if (n_signals[number])
            fail_msg("signal %d came %d times", number, (int)n_signals[number]);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Links of a process's descriptors that have `part` in them; -1 where they cannot be read. */
static int count_links(pid_t pid, const char *part, int *n_files)
{
    char path[64], link[256];
    struct dirent *entry;
    int n = 0;
    DIR *directory;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    directory = opendir(path);
    if (!directory)
        return -1;
    *n_files = 0;
    while ((entry = readdir(directory))) {
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, link, sizeof link - 1);
        if (length <= 0)
            continue;
        link[length] = '\0';
        n += strstr(link, part) != NULL;
        ++*n_files;
    }
    closedir(directory);
    return n;
}

/* Low, high, and without the flag that closes them: none is in keeper or worker. */
static void worker_inherits_no_descriptor(void **state)
{
    oj_workers *workers;
    oj_compiler *compiler;
    pid_t worker, keeper;
    int n_files = 0, leak = memfd_create("leak-me", 0), high = fcntl(leak, F_DUPFD, 500), pair[2];
    (void)state;
    assert_true(leak >= 0 && high >= 500);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    workers = open_pool_of(1);
    compiler = open_compiler(workers);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    worker = first_worker(workers);
    keeper = stats_of(workers).keeper_pid;
    assert_true(worker > 0);
    assert_int_equal(count_links(getpid(), "leak-me", &n_files), 2);
    if (count_links(worker, "leak-me", &n_files) < 0) {
        print_message("descriptors of workers can be seen by root only\n");
    } else {
        assert_int_equal(count_links(keeper, "leak-me", &n_files), 0);
        assert_int_equal(count_links(worker, "leak-me", &n_files), 0);
        /* 0 to 2 the words, its socket, its size. */
        assert_true(n_files <= 5);
        assert_int_equal(count_links(worker, "socket:", &n_files), 1);
    }
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    close(leak);
    close(high);
    close(pair[0]);
    close(pair[1]);
}

/* Masks and ignored signals would be inherited: a worker whose abort() is ignored would not end as it must. */
static void worker_is_started_with_signals_as_they_are_by_default(void **state)
{
    oj_workers *workers;
    oj_compiler *compiler;
    sigset_t all, after;
    oj_error error;
    (void)state;
    for (int number = 1; number < 32; number++)
        signal(number, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    workers = open_pool_of(1);
    compiler = open_compiler(workers);
    error = compile_fails(compiler, fatal_ir, OJ_E_WORKER_CRASHED);
    assert_has(error.text, "SIGABRT");
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    /* The client's own mask is as it was. */
    sigprocmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < 32; number++)
        if (number != SIGKILL && number != SIGSTOP)
            assert_int_equal(sigismember(&after, number), 1);
}

OJT_MAIN(cmocka_unit_test(worker_no_signal_reaches_the_client), cmocka_unit_test(worker_inherits_no_descriptor),
         cmocka_unit_test(worker_is_started_with_signals_as_they_are_by_default))
