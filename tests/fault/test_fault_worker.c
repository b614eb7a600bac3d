/* Every call of the system or the heap that the client's side of a worker pool makes fails in turn, until a compile
 * gets through: each time a status, and nothing is left behind: no descriptor, no child, no memory, no slot that stays
 * busy.
 *
 * The worker program is the liar telling the truth, so that no LLVM is needed. */
#include "fault/failing_calls.h"
#include "support/liar.h"

#include "worker/channel.h"
#include "worker/listing.h"
#include "worker/worker.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

/* --- what is failed by hand --------------------------------------------------------------------------------------- */

extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library);

static bool has_no_handlers;
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return has_no_handlers ? ENOMEM : __register_atfork(prepare, parent, child, NULL);
}

static bool has_no_paths;
int dladdr(const void *address, Dl_info *info)
{
    static int (*next)(const void *, Dl_info *);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "dladdr");
    return has_no_paths ? 0 : next(address, info);
}

ssize_t readlink(const char *path, char *text, size_t size)
{
    if (!has_no_paths)
        return (ssize_t)syscall(SYS_readlinkat, AT_FDCWD, path, text, size);
    errno = ENOENT;
    return -1;
}

/* Runs when a pool's lock is given up for the first time after its keeper has begun to serve. */
static oj_workers *watched;
static void meet_end_of_keeper(oj_workers *workers);
int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    static int (*next)(pthread_mutex_t *);
    oj_workers *due =
        watched && mutex == &watched->lock && watched->keeper_state == OJI_KEEPER_RUNNING ? watched : NULL;
    int reason;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
    reason = next(mutex);
    if (due) {
        watched = NULL;
        meet_end_of_keeper(due);
    }
    return reason;
}

/* --- the compile under test --------------------------------------------------------------------------------------- */

/* Too large for a message: it goes in a memory file, as the liar's object does. */
static char ir_text[32 * 1024] = "define void @f() {\n  ret void\n}\n";

static void begin(void) { memset(ir_text + strlen(ir_text), '\n', sizeof ir_text - 1 - strlen(ir_text)); }

static oj_status compile_once(oj_workers *workers, oj_error *error)
{
    oj_bytes *bytes;
    oj_status status = ojt_liar_compile(workers, 5000, ir_text, sizeof ir_text - 1, &bytes, error);
    oj_bytes_destroy(bytes);
    return status;
}

static oj_status start_and_compile(oj_workers *workers, oj_error *error)
{
    OJI_TRY(oj_workers_start(workers, 1, error));
    return compile_once(workers, error);
}

static oj_workers *create_pool(void) { return ojt_liar_pool("", 1, 0, 5000); }

/* What cannot be told apart from a worker's own end is met by trying again: some failures end in success. */
static long fail_in_turn(oj_status (*compile)(oj_workers *workers, oj_error *error), int reason, long *n_statuses)
{
    long step = 0;
    for (bool was_met = true; was_met; step++) {
        oj_workers *workers = create_pool();
        oj_workers_stats stats;
        oj_error error;
        oj_status status;
        int before = ojt_count_files();
        ojt_lets_heap_be = reason == EINTR;
        ojt_fail(step, reason);
        status = compile(workers, &error);
        was_met = ojt_fail_end();
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
        assert_int_equal(ojt_count_files(), before);
        assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
        assert_int_equal(errno, ECHILD);
        assert_true(step < 500);
    }
    return step;
}

static void fault_worker_calls_fail_in_turn(void **state)
{
    static const int reasons[] = {ENOMEM, EMFILE, EPERM, EAGAIN, ENOSPC};
    (void)state;
    if (getenv("OJT_VALGRIND")) /* knows no clone() but those of threads and fork() */
        skip();
    begin();
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        long n_statuses = 0, n = fail_in_turn(compile_once, reasons[i], &n_statuses);
        print_message("workers: %ld failure points, %ld refused\n", n - 1, n_statuses);
        assert_true(n > 20);
        assert_true(n_statuses > 10);
    }
}

static void fault_worker_started_ahead_fails_in_turn(void **state)
{
    long n_statuses = 0, n;
    (void)state;
    if (getenv("OJT_VALGRIND")) /* knows no clone() but those of threads and fork() */
        skip();
    begin();
    n = fail_in_turn(start_and_compile, ENOMEM, &n_statuses);
    print_message("workers, started ahead: %ld failure points, %ld refused\n", n - 1, n_statuses);
    assert_true(n > 20 && n_statuses > 10);
}

/* Interrupted calls are made again: nothing of it is seen. */
static void fault_worker_interrupted_calls_go_on(void **state)
{
    long n_statuses = 0;
    (void)state;
    if (getenv("OJT_VALGRIND")) /* knows no clone() but those of threads and fork() */
        skip();
    begin();
    assert_true(fail_in_turn(compile_once, EINTR, &n_statuses) > 20);
    /* Calls that are never interrupted (making a socket or a second descriptor, say) fail with it all the same. */
    assert_true(n_statuses < 16);
}

static void *compile_in_vain(void *context)
{
    oj_error error;
    assert_int_equal(compile_once(context, &error), OJ_E_WORKER_START);
    return NULL;
}

/* The keeper that has just said that it serves is killed, and another thread is the one to find that, and to fail with
 * the next. */
static void meet_end_of_keeper(oj_workers *workers)
{
    oj_workers_stats stats;
    pthread_t other;
    assert_int_equal(oj_workers_get_stats(workers, &stats, sizeof stats), OJ_OK);
    assert_int_equal(kill(stats.keeper_pid, SIGKILL), 0);
    for (int i = 0; i < 200 && kill(stats.keeper_pid, 0) == 0; i++)
        usleep(1000);
    setenv("OJT_LIE", "hello_ends", 1);
    assert_int_equal(pthread_create(&other, NULL, compile_in_vain, workers), 0);
    pthread_join(other, NULL);
    setenv("OJT_LIE", "", 1);
}

/* Who has started a keeper has the lock again only after whoever was faster. */
static void fault_worker_keeper_gone_before_it_is_used(void **state)
{
    oj_workers *workers = ojt_liar_pool("", 2, 0, 5000);
    oj_workers_stats stats;
    oj_error error;
    (void)state;
    if (getenv("OJT_VALGRIND")) /* knows no clone() but those of threads and fork() */
        skip();
    begin();
    watched = workers;
    if (compile_once(workers, &error) != OJ_OK)
        fail_msg("%s", error.text);
    assert_null(watched);
    assert_int_equal(oj_workers_get_stats(workers, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_busy, 0);
    oj_workers_destroy(workers);
}

/* A pool cannot do without the handlers of fork(), and the next attempt gets them. */
static void fault_worker_handlers_of_fork_are_tried_again(void **state)
{
    oj_workers *workers;
    oj_error error;
    (void)state;
    has_no_handlers = true;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(oj_workers_create(&workers, NULL, &error), OJ_E_NOMEM);
        assert_null(workers);
        assert_non_null(strstr(error.text, "handlers of fork()"));
    }
    has_no_handlers = false;
    assert_int_equal(oj_workers_create(&workers, NULL, &error), OJ_OK);
    oj_workers_destroy(workers);
}

/* Of the program's places the last remains: where it is installed. */
static void fault_worker_place_of_the_library_unknown(void **state)
{
    char path[256], other[256];
    oj_error error;
    (void)state;
    unsetenv("OWNJIT_WORKER");
    assert_int_equal(oji_worker_find(other, sizeof other, NULL, &error), OJ_OK);
    has_no_paths = true;
    assert_int_equal(oji_worker_find(path, sizeof path, NULL, &error), OJ_OK);
    has_no_paths = false;
    assert_int_equal(path[0], '/');
    assert_string_equal(strrchr(path, '/'), "/ownjit-worker");
    assert_string_equal(strrchr(other, '/'), "/ownjit-worker");
}

/* The pool that nobody has named is made when it is first used, and then stays. */
static void fault_worker_default_pool_without_memory(void **state)
{
    bool was_met = true, was_told = false;
    oj_compiler_options options;
    oj_compiler *compiler;
    oj_error error;
    long n = 0;
    (void)state;
    if (getenv("OJT_VALGRIND") || !OJT_OWN_HEAP)
        skip();
    begin();
    setenv("OWNJIT_WORKER", ojt_liar_path(), 1);
    oj_compiler_options_init(&options);
    options.isolation = OJ_ISOLATION_WORKER;
    for (; was_met; n++) {
        oj_status status;
        ojt_fail(n, ENOMEM);
        status = oj_compiler_create(&compiler, &options, &error);
        was_met = ojt_fail_end();
        was_told = was_told || (status == OJ_E_NOMEM && strstr(error.text, "the default pool of workers"));
        assert_true(status == OJ_OK ? compiler != NULL : compiler == NULL && was_met);
        oj_compiler_destroy(compiler);
        assert_true(n < 500);
    }
    assert_true(was_told);
}

static void fault_worker_listing_without_memory(void **state)
{
    oji_worker_listing listing;
    char name[2000];
    (void)state;
    if (getenv("OJT_VALGRIND") || !OJT_OWN_HEAP)
        skip();
    ojt_fail(0, ENOMEM);
    assert_false(oji_worker_begin_listing(&listing));
    assert_true(ojt_fail_end());
    oji_worker_free_listing(&listing);
    assert_true(oji_worker_begin_listing(&listing));
    memset(name, 'n', sizeof name);
    assert_true(oji_worker_add_name(&listing, name, 10, OJ_SYMBOL_GLOBAL));
    ojt_fail(0, ENOMEM);
    assert_false(oji_worker_add_name(&listing, name, sizeof name, OJ_SYMBOL_GLOBAL));
    assert_true(ojt_fail_end());
    /* What is there stays as it was. */
    assert_int_equal(listing.size, 4 + 8 + 10);
    assert_true(oji_worker_add_name(&listing, name, sizeof name, OJ_SYMBOL_WEAK));
    oji_worker_free_listing(&listing);
}

/* A file that has been found to be sealed at its size and ends before it nevertheless. */
static void fault_worker_file_that_ends_early(void **state)
{
    char bytes[100] = "bytes", copy[100];
    int file;
    (void)state;
    assert_int_equal(oji_worker_make_file(bytes, sizeof bytes, &file), 0);
    ojt_fail(1, 0);
    assert_int_equal(oji_worker_read_file(file, sizeof copy, copy), EBADMSG);
    assert_true(ojt_fail_end());
    assert_string_equal(ojt_failed, "pread");
    assert_int_equal(oji_worker_read_file(file, sizeof copy, copy), 0);
    assert_string_equal(copy, "bytes");
    close(file);
}

OJT_MAIN(cmocka_unit_test(fault_worker_handlers_of_fork_are_tried_again),
         cmocka_unit_test(fault_worker_place_of_the_library_unknown),
         cmocka_unit_test(fault_worker_default_pool_without_memory),
         cmocka_unit_test(fault_worker_listing_without_memory), cmocka_unit_test(fault_worker_file_that_ends_early),
         cmocka_unit_test(fault_worker_calls_fail_in_turn), cmocka_unit_test(fault_worker_started_ahead_fails_in_turn),
         cmocka_unit_test(fault_worker_interrupted_calls_go_on),
         cmocka_unit_test(fault_worker_keeper_gone_before_it_is_used))
