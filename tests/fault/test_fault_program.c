/* The worker program, keeper and workers, while one of its calls of the system or the heap fails: its client is told
 * with a status, whatever becomes of the process. */
#include "fault/failing_calls.h"
#include "support/test.h"

#include <ownjit/ownjit.h>

static char report_path[] = "/tmp/ownjit-test-XXXXXX";
static char large_ir[100 * 1024];
static const char small_ir[] = "define i32 @f() {\n  ret i32 7\n}\n";

/* An object that is too large for a message. */
static void write_large(void)
{
    size_t length = (size_t)sprintf(large_ir, "@data = constant [4000 x i64] [i64 1");
    for (int i = 1; i < 4000; i++)
        length += (size_t)sprintf(large_ir + length, ", i64 %d", i);
    sprintf(large_ir + length, "]\n");
}

/* The program is beside this one's folder, as is what is loaded before it. */
static void set_environment(const char *call, long n, int reason)
{
    char path[4200], number[32];
    ssize_t length = readlink("/proc/self/exe", path, 4000);
    assert_true(length > 0);
    path[length] = '\0';
    strcpy(strrchr(path, '/'), "/../bin/ownjit-worker");
    setenv("OWNJIT_WORKER", path, 1);
    strcpy(strstr(path, "/../bin"), "/fail_nth.so");
    setenv("LD_PRELOAD", path, 1);
    sprintf(number, "%ld", n);
    setenv("OJT_FAIL_AT", number, 1);
    sprintf(number, "%d", reason);
    setenv("OJT_FAIL_ERRNO", number, 1);
    setenv("OJT_FAIL_CALL", call, 1);
    setenv("OJT_FAIL_REPORT", report_path, 1);
}

static oj_status compile(oj_compiler *compiler, const char *text, oj_error *error)
{
    oj_ir ir = oj_ir_bytes(text, strlen(text));
    oj_bytes *bytes;
    oj_status status = oj_compile_object(compiler, &ir, &bytes, error);
    oj_bytes_destroy(bytes);
    return status;
}

/* Lists the names, and compiles for one of them. */
static oj_status look_up(oj_compiler *compiler, oj_error *error)
{
    oj_ir ir = oj_ir_bytes(small_ir, sizeof small_ir - 1);
    oj_session_options options;
    oj_session *session;
    oj_status status;
    uint64_t addr;
    oj_session_options_init(&options);
    options.compiler = compiler;
    status = oj_session_create(&session, &options, error);
    if (status == OJ_OK)
        status = oj_session_add_ir(session, &ir, NULL, NULL, error);
    if (status == OJ_OK)
        status = oj_session_lookup(session, "f", &addr, error);
    oj_session_destroy(session);
    return status;
}

static oj_status use_pool(oj_workers *workers, oj_error *error)
{
    oj_compiler_options options;
    oj_compiler *compiler;
    oj_status status;
    oj_compiler_options_init(&options);
    options.isolation = OJ_ISOLATION_WORKER;
    options.workers = workers;
    status = oj_compiler_create(&compiler, &options, error);
    if (status == OJ_OK)
        status = compile(compiler, large_ir, error);
    if (status == OJ_OK)
        status = look_up(compiler, error);
    oj_compiler_destroy(compiler);
    return status;
}

static oj_status run_round(oj_error *error)
{
    oj_workers_options options;
    oj_workers_stats stats;
    oj_workers *workers;
    oj_status status;
    oj_workers_options_init(&options);
    options.n_workers = 1;
    assert_int_equal(oj_workers_create(&workers, &options, error), OJ_OK);
    status = use_pool(workers, error);
    assert_int_equal(oj_workers_get_stats(workers, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_busy, 0);
    oj_workers_destroy(workers);
    return status;
}

/* Was the call met? Its name is taken out of the report. */
static bool take_report(void)
{
    char name[64] = "";
    FILE *file = fopen(report_path, "r+");
    bool was_met = file && fread(name, 1, sizeof name - 1, file) > 0 && name[0];
    memset(name, 0, sizeof name);
    if (file) {
        rewind(file);
        fwrite(name, 1, sizeof name, file);
        fclose(file);
    }
    return was_met;
}

static void fault_program_calls_fail_in_turn(void **state)
{
    static const struct {
        const char *name;
        int reason;
        long at_least, at_most; /* calls that are met */
    } calls[] = {{"poll", ENOMEM, 3, 10}, {"fcntl", ENOMEM, 4, 20},        {"dup2", ENOMEM, 5, 20},
                 {"fork", EAGAIN, 1, 10}, {"memfd_create", ENOMEM, 2, 10}, {"mmap", ENOMEM, 2, 20},
                 {"mmap", EACCES, 2, 20}, {"malloc", ENOMEM, 10, 60}};
    oj_error error;
    oj_status status;
    (void)state;
    if (getenv("OJT_VALGRIND") || !OJT_OWN_HEAP)
        skip();
    write_large();
    assert_true(mkstemp(report_path) >= 0);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        long n = 0, n_refused = 0;
        for (bool was_met = true; was_met && n <= calls[i].at_most; n++) {
            set_environment(calls[i].name, n, calls[i].reason);
            status = run_round(&error);
            was_met = take_report();
            if (status == OJ_E_NO_LLVM && n == 0 && strstr(error.text, "no usable LLVM")) {
                unlink(report_path);
                skip();
            }
            n_refused += status != OJ_OK;
            assert_true(status != OJ_OK ? was_met && error.text[0] && status != OJ_E_MISUSE : true);
        }
        print_message("%s: %ld failure points, %ld refused\n", calls[i].name, n - 1, n_refused);
        assert_in_range(n - 1, calls[i].at_least, calls[i].at_most);
        assert_true(n_refused > 0);
    }
    unsetenv("LD_PRELOAD");
    assert_int_equal(run_round(&error), OJ_OK);
    unlink(report_path);
}

OJT_MAIN(cmocka_unit_test(fault_program_calls_fail_in_turn))
