/* Every call of the system or the heap that the client's side of a worker pool makes fails in turn, until a compile
 * gets through: each time a status, and nothing is left behind: no descriptor, no child, no memory, no slot that stays
 * busy.
 *
 * The worker program is the liar telling the truth, so that no LLVM is needed. */
#include "fault/failing_calls.h"
#include "support/test.h"

#include <ownjit/ownjit.h>

#include <sys/wait.h>

/* --- the compile under test --------------------------------------------------------------------------------------- */

static char liar_path[4096];
/* Too large for a message: it goes in a memory file, as the liar's object does. */
static char ir_text[32 * 1024] = "define void @f() {\n  ret void\n}\n";

static void find_liar(void)
{
    ssize_t length = readlink("/proc/self/exe", liar_path, sizeof liar_path - 32);
    assert_true(length > 0);
    liar_path[length] = '\0';
    strcpy(strrchr(liar_path, '/'), "/worker_liar");
    setenv("OJT_LIE", "", 1);
    memset(ir_text + strlen(ir_text), '\n', sizeof ir_text - 1 - strlen(ir_text));
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
        int before = ojt_count_files();
        ojt_lets_heap_be = reason == EINTR;
        ojt_fail(step, reason);
        status = compile_once(workers, &error);
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
    static const int reasons[] = {ENOMEM, EMFILE, EPERM};
    (void)state;
    if (getenv("OJT_VALGRIND")) /* knows no clone() but those of threads and fork() */
        skip();
    find_liar();
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        long n_statuses = 0, n = fail_in_turn(reasons[i], &n_statuses);
        print_message("workers: %ld failure points, %ld refused\n", n - 1, n_statuses);
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
