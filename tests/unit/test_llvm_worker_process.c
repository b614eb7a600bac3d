/* What keeper and workers have of the client's process, and what of theirs reaches it: no signal, and no descriptor.
 * And how a pool ends that compilers still use. */
#include "test_llvm_worker_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

static void wait_until_gone(pid_t pid)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int i = 0; i < 500; i++) {
        FILE *file = fopen(path, "r");
        bool is_there = file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
        if (file)
            fclose(file);
        if (!is_there || state == 'Z' || state == 'X')
            return;
        sleep_ms(10);
    }
    fail_msg("process %d does not end", pid);
}

static void kill_and_wait(pid_t pid)
{
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_until_gone(pid);
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

/* Memory that a process shares with others: a worker's is what it tells its keeper by, and none is another worker's. */
static int count_shared(pid_t pid)
{
    char path[64], line[512];
    int n = 0;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    file = fopen(path, "r");
    if (!file)
        return -1;
    while (fgets(line, sizeof line, file))
        n += strstr(line, " rw-s ") && !strstr(line, ".profraw"); /* a build that measures coverage counts there */
    fclose(file);
    return n;
}

static void worker_shares_no_memory_with_another(void **state)
{
    oj_workers *workers = open_pool_of(3);
    pid_t pids[3] = {0};
    (void)state;
    assert_int_equal(oj_workers_start(workers, 3, NULL), OJ_OK);
    for (int i = 0; i < 500 && worker_pids(workers, pids, 3) < 3; i++)
        sleep_ms(10);
    for (int i = 0; i < 3; i++)
        if (count_shared(pids[i]) >= 0)
            assert_int_equal(count_shared(pids[i]), 1);
    oj_workers_destroy(workers);
}

/* Where it may be read at all: what a worker could tell of its client's. */
static void worker_has_no_environment(void **state)
{
    char path[64], text[4096];
    oj_workers *workers;
    oj_compiler *compiler;
    size_t size;
    FILE *file;
    (void)state;
    setenv("OJT_SECRET", "a secret", 1);
    workers = open_pool_of(1);
    compiler = open_compiler(workers);
    snprintf(path, sizeof path, "/proc/%d/environ", first_worker(workers));
    file = fopen(path, "r");
    if (file) {
        size = fread(text, 1, sizeof text, file);
        fclose(file);
        assert_null(memmem(text, size, "secret", 6));
    }
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    if (!file)
        skip();
}

static int count_files_of(pid_t pid)
{
    char path[64];
    int n = 0;
    DIR *folder;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

/* And wait until its keeper has closed its ends of the socket and the words. */
static void kill_worker_of(pid_t keeper, pid_t worker)
{
    int n = count_files_of(keeper);
    kill_and_wait(worker);
    for (int i = 0; i < 1000 && count_files_of(keeper) > n - 2; i++)
        sleep_ms(10);
    assert_int_equal(count_files_of(keeper), n - 2);
}

static int lowest_free_of(pid_t pid)
{
    char path[64], link[256];
    for (int fd = 0;; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
        if (readlink(path, link, sizeof link) < 0)
            return fd;
    }
}

static void limit_files_of(pid_t pid, rlim_t n)
{
    struct rlimit limit;
    assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = n;
    assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* No place for a worker's socket, then one for that, then one for its words, and none for what the worker itself needs:
 * the keeper lives, and why is told. */
static void worker_that_cannot_be_had_is_told(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler *compiler = open_compiler(workers);
    pid_t keeper = stats_of(workers).keeper_pid;
    (void)state;
    for (int room = 0; room < 3; room++) {
        int n_free;
        oj_error error;
        kill_worker_of(keeper, first_worker(workers));
        n_free = lowest_free_of(keeper);
        limit_files_of(keeper, (rlim_t)(n_free + room));
        error = compile_fails(compiler, ojt_add_ir, OJ_E_WORKER_CRASHED);
        limit_files_of(keeper, 1024);
        if (room > 0)
            assert_has(error.text, room == 1 ? "no process for a worker: Too many open files"
                                             : "no descriptors for a worker: Too many open files");
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
        assert_int_equal(stats_of(workers).keeper_pid, keeper);
    }
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

/* What a large compile has left on the worker's heap is not in the way of one that may take less. */
static void worker_that_has_grown_compiles_under_a_small_limit(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler *large = open_compiler(workers), *small;
    oj_compiler_options options = isolated(workers);
    char *much = large_function(60000), *little = large_function(1000);
    pid_t worker;
    (void)state;
    options.memory_size = 24u << 20;
    if (!OJT_SANITIZED) {
        small = open_with(&options);
        oj_bytes_destroy(ojt_object(small, little));
        oj_bytes_destroy(ojt_object(large, much));
        worker = first_worker(workers);
        oj_bytes_destroy(ojt_object(small, little));
        assert_int_equal(first_worker(workers), worker);
        oj_compiler_destroy(small);
    }
    oj_compiler_destroy(large);
    oj_workers_destroy(workers);
    free(much);
    free(little);
}

/* --- a pool that is destroyed before its compilers ---------------------------------------------------------------- */

static oj_workers *open_counted(ojt_heap *heap)
{
    oj_workers_options options;
    ojt_heap_init(heap);
    oj_workers_options_init(&options);
    options.allocator = &heap->table;
    options.n_workers = 1;
    return open_pool(&options);
}

static void worker_pool_destroyed_first_is_told(void **state)
{
    ojt_heap heap;
    oj_workers *workers = open_counted(&heap);
    oj_compiler *one = open_compiler(workers), *other = open_compiler(workers);
    oj_compiler_options options = isolated(workers);
    oj_compiler *late;
    pid_t keeper = stats_of(workers).keeper_pid, worker = first_worker(workers);
    oj_error error;
    (void)state;
    oj_bytes_destroy(ojt_object(one, ojt_add_ir));
    oj_workers_destroy(workers);
    wait_until_gone(keeper);
    wait_until_gone(worker);
    assert_has(compile_fails(one, ojt_add_ir, OJ_E_MISUSE).text, "the pool of workers was destroyed");
    compile_fails(other, ojt_add_ir, OJ_E_MISUSE);
    assert_int_equal(oj_workers_start(workers, 1, &error), OJ_E_MISUSE);
    assert_int_equal(oj_compiler_create(&late, &options, &error), OJ_E_MISUSE);
    assert_null(late);
    assert_int_equal(stats_of(workers).keeper_pid, 0);
    assert_int_equal(stats_of(workers).n_running, 0);
    oj_compiler_destroy(one);
    compile_fails(other, ojt_add_ir, OJ_E_MISUSE);
    assert_true(heap.live_size > 0);
    oj_compiler_destroy(other);
    assert_int_equal(heap.live_size, 0);
}

typedef struct compile_in_thread {
    oj_workers *workers;
    oj_compiler *compiler; /* NULL = made by the thread */
    const char *text;
    oj_status status;
    pthread_t thread;
} compile_in_thread;

static void *run_compile(void *argument)
{
    compile_in_thread *c = argument;
    oj_compiler_options options = isolated(c->workers);
    oj_bytes *bytes = NULL;
    c->status = c->compiler ? OJ_OK : oj_compiler_create(&c->compiler, &options, NULL);
    if (c->status == OJ_OK)
        c->status = ojt_compile_text(c->compiler, c->text, &bytes, NULL);
    oj_bytes_destroy(bytes);
    return NULL;
}

/* One compile is with the only worker, the other waits for it. */
static void worker_pool_destroyed_ends_compiles(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    char *passes = endless_passes(), *text = large_function(3000);
    compile_in_thread busy = {.workers = workers, .text = text}, waiting = {.workers = workers, .text = ojt_add_ir};
    (void)state;
    options.passes = passes;
    busy.compiler = open_with(&options);
    waiting.compiler = open_compiler(workers);
    assert_int_equal(pthread_create(&busy.thread, NULL, run_compile, &busy), 0);
    while (stats_of(workers).n_busy == 0)
        sleep_ms(5);
    assert_int_equal(pthread_create(&waiting.thread, NULL, run_compile, &waiting), 0);
    while (stats_of(workers).n_waiting == 0)
        sleep_ms(5);
    oj_workers_destroy(workers);
    pthread_join(busy.thread, NULL);
    pthread_join(waiting.thread, NULL);
    assert_int_equal(busy.status, OJ_E_MISUSE);
    assert_int_equal(waiting.status, OJ_E_MISUSE);
    oj_compiler_destroy(busy.compiler);
    oj_compiler_destroy(waiting.compiler);
    free(passes);
    free(text);
}

/* The program says nothing for as long as it lives; that it has been started is seen by its file. */
static void worker_pool_destroyed_while_the_keeper_starts(void **state)
{
    char folder[] = "/tmp/ownjit-test-XXXXXX", path[64], sign[64];
    ojt_heap heap;
    oj_workers_options options;
    compile_in_thread starting = {.text = ojt_add_ir};
    FILE *script;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/program", folder);
    snprintf(sign, sizeof sign, "%s/sign", folder);
    script = fopen(path, "w");
    assert_non_null(script);
    fprintf(script, "#!/bin/sh\n: >%s\nexec sleep 60\n", sign);
    fclose(script);
    assert_int_equal(chmod(path, 0700), 0);
    ojt_heap_init(&heap);
    oj_workers_options_init(&options);
    options.allocator = &heap.table;
    options.path = path;
    assert_int_equal(oj_workers_create(&starting.workers, &options, NULL), OJ_OK);
    assert_int_equal(pthread_create(&starting.thread, NULL, run_compile, &starting), 0);
    while (access(sign, F_OK) != 0)
        sleep_ms(5);
    oj_workers_destroy(starting.workers);
    pthread_join(starting.thread, NULL);
    assert_int_equal(starting.status, OJ_E_MISUSE);
    assert_null(starting.compiler);
    assert_int_equal(heap.live_size, 0);
    unlink(sign);
    unlink(path);
    rmdir(folder);
}

OJT_MAIN(cmocka_unit_test(worker_no_signal_reaches_the_client), cmocka_unit_test(worker_inherits_no_descriptor),
         cmocka_unit_test(worker_is_started_with_signals_as_they_are_by_default),
         cmocka_unit_test(worker_has_no_environment), cmocka_unit_test(worker_shares_no_memory_with_another),
         cmocka_unit_test(worker_that_cannot_be_had_is_told),
         cmocka_unit_test(worker_that_has_grown_compiles_under_a_small_limit),
         cmocka_unit_test(worker_pool_destroyed_first_is_told), cmocka_unit_test(worker_pool_destroyed_ends_compiles),
         cmocka_unit_test(worker_pool_destroyed_while_the_keeper_starts))
