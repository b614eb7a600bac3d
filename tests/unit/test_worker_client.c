/* What the client's own process can do to its compiles in workers: limits of its own, forks with threads, time that
 * runs out while the worker program starts. The program is the liar (worker_liar.c), so that no LLVM is needed. */
#include "support/liar.h"
#include "support/process.h"

#include "worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>

static char ir_text[64 * 1024];

static const char *large_text(void)
{
    memset(ir_text, ' ', sizeof ir_text);
    return ir_text;
}

static oj_compiler *open_compiler(oj_workers *workers, uint32_t ms)
{
    oj_compiler_options options = ojt_liar_options(workers, ms);
    oj_compiler *compiler;
    oj_error error;
    if (oj_compiler_create(&compiler, &options, &error) != OJ_OK)
        fail_msg("%s", error.text);
    return compiler;
}

static oj_status compile_size(oj_compiler *compiler, size_t size, oj_error *error)
{
    oj_ir ir = oj_ir_bytes(large_text(), size);
    oj_bytes *bytes;
    oj_status status = oj_compile_object(compiler, &ir, &bytes, error);
    assert_true((bytes != NULL) == (status == OJ_OK));
    oj_bytes_destroy(bytes);
    return status;
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static struct rlimit set_limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit before, wanted;
    assert_int_equal(getrlimit(resource, &before), 0);
    wanted = before;
    wanted.rlim_cur = value;
    assert_int_equal(setrlimit(resource, &wanted), 0);
    return before;
}

/* Files may not grow beyond a limit, and memory files are files: writing more raises SIGXFSZ, which ends a process. */
static void client_that_may_not_write_files_is_told(void **state)
{
    oj_workers *workers = ojt_liar_pool("", 1, 0, 10000);
    oj_compiler *compiler = open_compiler(workers, 10000);
    struct rlimit before = set_limit(RLIMIT_FSIZE, 8192);
    oj_error error;
    oj_status small = compile_size(compiler, 100, &error), large = compile_size(compiler, sizeof ir_text, &error);
    (void)state;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(small, OJ_OK);
    assert_int_equal(large, OJ_E_SYSTEM);
    assert_int_equal(error.system_error, EFBIG);
    assert_int_equal(compile_size(compiler, sizeof ir_text, &error), OJ_OK);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

/* The object's file cannot be received: that is no fault of the worker's. */
static void client_without_descriptors_is_told(void **state)
{
    oj_workers *workers = ojt_liar_pool("", 1, 0, 10000);
    oj_compiler *compiler = open_compiler(workers, 10000);
    int first_free = dup(STDIN_FILENO);
    struct rlimit before;
    oj_error error;
    oj_status status;
    (void)state;
    close(first_free);
    before = set_limit(RLIMIT_NOFILE, (rlim_t)first_free);
    status = compile_size(compiler, 100, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, OJ_E_SYSTEM);
    assert_int_equal(error.system_error, EMFILE);
    assert_int_equal(compile_size(compiler, 100, &error), OJ_OK);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

/* --- a compile on a thread of its own ----------------------------------------------------------------------------- */

typedef struct background {
    oj_compiler *compiler;
    pthread_t thread;
    oj_error error;
} background;

static void *run_background(void *argument)
{
    background *b = argument;
    memset(&b->error, 0, sizeof b->error);
    compile_size(b->compiler, 100, &b->error);
    return NULL;
}

static void begin(background *b, oj_compiler *compiler)
{
    b->compiler = compiler;
    assert_int_equal(pthread_create(&b->thread, NULL, run_background, b), 0);
}

static void end(background *b, oj_status status)
{
    pthread_join(b->thread, NULL);
    if (b->error.status != status)
        fail_msg("%s: %s", oj_status_name(b->error.status), b->error.text);
}

static oj_workers_stats stats_of(oj_workers *workers)
{
    oj_workers_stats stats;
    assert_int_equal(oj_workers_get_stats(workers, &stats, sizeof stats), OJ_OK);
    return stats;
}

static uint64_t now_ms(void) { return oji_now() / 1000000u; }

static void wait_while(oj_workers *workers, oji_keeper_state state)
{
    oji_keeper_state now = state;
    while (now == state) {
        usleep(1000);
        pthread_mutex_lock(&workers->lock);
        now = workers->keeper_state;
        pthread_mutex_unlock(&workers->lock);
    }
}

/* --- forks -------------------------------------------------------------------------------------------------------- */

/* In the child one thread starts a keeper of its own, which takes a while, and the other waits for it. */
static int compile_on_two_threads(oj_workers *workers, oj_compiler **compilers)
{
    background two[2];
    for (int i = 0; i < 2; i++) {
        begin(&two[i], compilers[i]);
        wait_while(workers, OJI_KEEPER_NONE);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(two[i].thread, NULL);
        if (two[i].error.status != OJ_OK)
            return 10 + i;
    }
    return 0;
}

static void client_threads_of_a_child_wait_for_its_keeper(void **state)
{
    oj_workers *workers = ojt_liar_pool("late", 2, 0, 10000);
    oj_compiler *compilers[2] = {open_compiler(workers, 10000), open_compiler(workers, 10000)};
    pid_t child = ojt_fork();
    (void)state;
    if (child == 0)
        _exit(compile_on_two_threads(workers, compilers));
    assert_int_equal(ojt_wait(child), 0);
    oj_compiler_destroy(compilers[0]);
    oj_compiler_destroy(compilers[1]);
    oj_workers_destroy(workers);
}

/* The child's compile is with the slot that a compile of the parent's had. */
static int cancel_what_the_parent_does(oj_workers *workers, oj_compiler *theirs, oj_compiler *ours)
{
    background b;
    begin(&b, ours);
    while (stats_of(workers).n_busy == 0 || stats_of(workers).keeper_pid == 0)
        usleep(1000);
    usleep(50 * 1000);
    if (oj_compiler_cancel(theirs) != OJ_OK)
        return 10;
    usleep(50 * 1000);
    if (stats_of(workers).n_busy != 1)
        return 11;
    oj_compiler_cancel(ours);
    pthread_join(b.thread, NULL);
    oj_compiler_destroy(theirs);
    oj_compiler_destroy(ours);
    oj_workers_destroy(workers);
    return b.error.status == OJ_E_WORKER_CANCELLED ? 0 : 12;
}

static void client_cancels_in_a_child_what_its_parent_does(void **state)
{
    oj_workers *workers = ojt_liar_pool("silent", 1, 0, 10000);
    oj_compiler *busy = open_compiler(workers, 10000), *other = open_compiler(workers, 10000);
    background b;
    pid_t child;
    (void)state;
    begin(&b, busy);
    while (stats_of(workers).n_busy == 0)
        usleep(1000);
    usleep(50 * 1000);
    child = ojt_fork();
    if (child == 0)
        _exit(cancel_what_the_parent_does(workers, busy, other));
    assert_int_equal(ojt_wait(child), 0);
    assert_int_equal(stats_of(workers).n_busy, 1);
    assert_int_equal(oj_compiler_cancel(busy), OJ_OK);
    end(&b, OJ_E_WORKER_CANCELLED);
    oj_compiler_destroy(busy);
    oj_compiler_destroy(other);
    oj_workers_destroy(workers);
}

/* --- time --------------------------------------------------------------------------------------------------------- */

static uint64_t patience_ends_ms;
static oj_compiler *flooded;

/* Slower than the worker is: there is always one more. */
static void listen_slowly(void *context, uint32_t severity, const char *text)
{
    (void)context;
    (void)severity;
    (void)text;
    usleep(1000);
    if (now_ms() > patience_ends_ms)
        oj_compiler_cancel(flooded);
}

static void client_that_is_flooded_meets_its_deadline(void **state)
{
    oj_workers *workers = ojt_liar_pool("flood", 1, 0, 10000);
    oj_compiler_options options = ojt_liar_options(workers, 300);
    oj_error error;
    (void)state;
    options.diagnostic = listen_slowly;
    assert_int_equal(oj_workers_start(workers, 1, &error), OJ_OK);
    assert_int_equal(oj_compiler_create(&flooded, &options, &error), OJ_OK);
    patience_ends_ms = now_ms() + 3000;
    assert_int_equal(compile_size(flooded, 100, &error), OJ_E_WORKER_DEADLINE);
    oj_compiler_destroy(flooded);
    oj_workers_destroy(workers);
}

/* The liar takes 400 ms to start: each compile goes on with the start that the one before it had begun. */
static void client_in_haste_gets_its_keeper_at_last(void **state)
{
    oj_workers *workers = ojt_liar_pool("late", 1, 0, 10000);
    oj_status status = OJ_E_WORKER_DEADLINE;
    oj_error error;
    int n = 0;
    (void)state;
    for (; n < 30 && status == OJ_E_WORKER_DEADLINE; n++) {
        oj_bytes *bytes;
        status = ojt_liar_compile(workers, 100, large_text(), 100, &bytes, &error);
        oj_bytes_destroy(bytes);
    }
    if (status != OJ_OK)
        fail_msg("%s", error.text);
    assert_true(n > 1);
    oj_workers_destroy(workers);
}

static void kill_keeper(oj_workers *workers)
{
    pid_t pid = stats_of(workers).keeper_pid;
    assert_true(pid > 0);
    kill(pid, SIGKILL);
    for (int i = 0; i < 200 && kill(pid, 0) == 0; i++)
        usleep(1000);
}

/* The program that starts, from its first moment on: it serves when it is told to go on, and not before. */
static pid_t stop_starting(oj_workers *workers)
{
    pid_t pid = 0;
    while (pid == 0) {
        usleep(1000);
        pthread_mutex_lock(&workers->lock);
        pid = workers->keeper_state == OJI_KEEPER_STARTING ? workers->keeper.pid : 0;
        pthread_mutex_unlock(&workers->lock);
    }
    assert_int_equal(kill(pid, SIGSTOP), 0);
    return pid;
}

/* Whoever starts the program, and whoever waits for that. */
static void client_cancels_while_the_program_starts(void **state)
{
    oj_workers *workers = ojt_liar_pool("later", 3, 0, 60000);
    background b[3];
    pid_t starting = 0;
    (void)state;
    for (int i = 0; i < 3; i++)
        b[i].compiler = open_compiler(workers, 60000);
    kill_keeper(workers);
    for (int i = 0; i < 3; i++) {
        begin(&b[i], b[i].compiler);
        /* The one that was killed, as it is not known yet. */
        wait_while(workers, OJI_KEEPER_RUNNING);
        if (i == 0)
            starting = stop_starting(workers);
    }
    while (stats_of(workers).n_busy < 3)
        usleep(1000);
    oj_compiler_cancel(b[0].compiler);
    oj_compiler_cancel(b[1].compiler);
    end(&b[0], OJ_E_WORKER_CANCELLED);
    end(&b[1], OJ_E_WORKER_CANCELLED);
    assert_int_equal(stats_of(workers).keeper_pid, 0);
    assert_int_equal(kill(starting, SIGCONT), 0);
    end(&b[2], OJ_OK);
    for (int i = 0; i < 3; i++)
        oj_compiler_destroy(b[i].compiler);
    oj_workers_destroy(workers);
}

static void *start_ahead(void *context)
{
    oj_error error;
    oj_workers_start(context, 1, &error);
    return NULL;
}

/* A thread that is cancelled (pthread_cancel()) has a worker, or waits for one: it gives back what it has. */
static void client_threads_are_cancelled(void **state)
{
    oj_workers *workers = ojt_liar_pool("silent", 1, 0, 10000);
    background b[2];
    (void)state;
    for (int i = 0; i < 2; i++)
        b[i].compiler = open_compiler(workers, 10000);
    for (uint32_t i = 0; i < 2; i++) {
        begin(&b[i], b[i].compiler);
        while (stats_of(workers).n_busy + stats_of(workers).n_waiting <= i)
            usleep(1000);
    }
    for (int i = 1; i >= 0; i--) {
        assert_int_equal(pthread_cancel(b[i].thread), 0);
        assert_int_equal(oj_compiler_cancel(b[i].compiler), OJ_OK);
        pthread_join(b[i].thread, NULL);
        assert_int_equal(b[i].error.status, OJ_E_WORKER_CANCELLED);
    }
    assert_int_equal(stats_of(workers).n_busy + stats_of(workers).n_waiting, 0);
    oj_compiler_destroy(b[0].compiler);
    oj_compiler_destroy(b[1].compiler);
    oj_workers_destroy(workers);
}

/* The same before it begins, with a pool that has no keeper. */
static void client_thread_that_starts_workers_is_cancelled(void **state)
{
    oj_workers *workers = ojt_liar_pool("late", 1, 0, 10000);
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, start_ahead, workers), 0);
    wait_while(workers, OJI_KEEPER_NONE);
    assert_int_equal(pthread_cancel(thread), 0);
    pthread_join(thread, NULL);
    assert_int_equal(stats_of(workers).n_running, 1);
    oj_workers_destroy(workers);
}

/* Between the moment that it is to be started and the one that it can be killed at. */
static void client_destroys_a_pool_that_is_about_to_start(void **state)
{
    oj_workers *workers = ojt_liar_pool("", 1, 0, 10000);
    oji_worker_request request = {.deadline_ns = UINT64_MAX};
    oj_error error;
    (void)state;
    workers->keeper_state = OJI_KEEPER_STARTING;
    workers->is_closed = true;
    assert_int_equal(oji_worker_start_keeper(workers, &request, false, &error), OJ_E_MISUSE);
    assert_int_equal(workers->keeper_state, OJI_KEEPER_NONE);
    assert_true(workers->keeper.pid == 0 && workers->control < 0 && workers->words < 0);
    oj_workers_destroy(workers);
}

/* --- the client's memory ------------------------------------------------------------------------------------------ */

/* A client's allocator has locks of its own: who waits for them must have none that others wait for. */
static oj_workers *allocated_for;
static int n_allocated;

static void *allocate_unlocked(void *context, size_t size)
{
    (void)context;
    if (allocated_for) {
        assert_int_equal(pthread_mutex_trylock(&allocated_for->lock), 0);
        pthread_mutex_unlock(&allocated_for->lock);
        n_allocated++;
    }
    return malloc(size);
}

static void release_unlocked(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    if (allocated_for) {
        assert_int_equal(pthread_mutex_trylock(&allocated_for->lock), 0);
        pthread_mutex_unlock(&allocated_for->lock);
    }
    free(memory);
}

static void client_allocates_with_no_lock_held(void **state)
{
    oj_allocator table = {.struct_size = sizeof table, .allocate = allocate_unlocked, .release = release_unlocked};
    oj_workers_options options;
    oj_workers *workers;
    oj_error error;
    (void)state;
    setenv("OJT_LIE", "", 1);
    oj_workers_options_init(&options);
    options.path = ojt_liar_path();
    options.allocator = &table;
    assert_int_equal(oj_workers_create(&workers, &options, &error), OJ_OK);
    allocated_for = workers;
    assert_int_equal(oj_workers_start(workers, 1, &error), OJ_OK);
    assert_true(n_allocated > 0);
    allocated_for = NULL;
    oj_workers_destroy(workers);
}

OJT_MAIN(cmocka_unit_test(client_that_may_not_write_files_is_told),
         cmocka_unit_test(client_without_descriptors_is_told),
         cmocka_unit_test(client_threads_of_a_child_wait_for_its_keeper),
         cmocka_unit_test(client_cancels_in_a_child_what_its_parent_does),
         cmocka_unit_test(client_that_is_flooded_meets_its_deadline),
         cmocka_unit_test(client_in_haste_gets_its_keeper_at_last),
         cmocka_unit_test(client_cancels_while_the_program_starts), cmocka_unit_test(client_threads_are_cancelled),
         cmocka_unit_test(client_thread_that_starts_workers_is_cancelled),
         cmocka_unit_test(client_destroys_a_pool_that_is_about_to_start),
         cmocka_unit_test(client_allocates_with_no_lock_held))
