/* Compiles whose client is slow, busy with another one, or has unusual limits: what a worker's end is called, and that
 * nothing is lost or waited for in vain. */
#include "test_llvm_worker_support.h"

#include "base/base.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static oj_workers *pool;

static pid_t only_worker(void)
{
    pid_t pid = 0;
    return worker_pids(pool, &pid, 1) == 1 ? pid : 0;
}

/* --- notices ------------------------------------------------------------------------------------------------------ */

/* More warnings than a socket has room for. */
static char *talkative_ir(void)
{
    size_t n = 1500;
    char *text = malloc(n * 160 + 100), *next = text;
    assert_non_null(text);
    next += sprintf(next, "declare void @u(i8*)\n");
    for (size_t i = 0; i < n; i++)
        next += sprintf(next,
                        "define void @g%zu() \"warn-stack-size\"=\"1\" {\n  %%a = alloca i8, i32 64\n"
                        "  call void @u(i8* %%a)\n  ret void\n}\n",
                        i);
    return text;
}

/* The worker has filled its socket by then, and waits. */
static void kill_worker_once(void *context, uint32_t severity, const char *text)
{
    size_t *n_heard = context;
    (void)severity;
    (void)text;
    if ((*n_heard)++ > 0)
        return;
    sleep_ms(1000);
    kill(only_worker(), SIGKILL);
    sleep_ms(200);
}

static void end_behind_unread_warnings(bool is_fresh)
{
    char *text = talkative_ir();
    size_t n_heard = 0, n_once;
    oj_compiler_options options;
    oj_compiler *compiler;
    oj_error error;
    pool = open_pool_of(1);
    options = isolated(pool);
    options.diagnostic = kill_worker_once;
    options.diagnostic_context = &n_heard;
    options.level = OJ_LEVEL_0;
    compiler = open_with(&options);
    if (is_fresh) {
        kill(only_worker(), SIGKILL);
        sleep_ms(200);
    }
    error = compile_fails(compiler, text, OJ_E_WORKER_CRASHED);
    n_once = n_heard;
    assert_has(error.text, "SIGKILL");
    assert_int_equal(stats_of(pool).n_crashed, 1);
    /* All of that again, and the end. */
    oj_bytes_destroy(ojt_object(compiler, text));
    assert_true(n_heard > n_once);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(pool);
    free(text);
}

static void edges_end_behind_unread_warnings_is_told(void **state)
{
    (void)state;
    end_behind_unread_warnings(false);
    end_behind_unread_warnings(true);
}

/* The words are those of the IR, not LLVM's. */
static void edges_name_in_the_last_words_is_no_reason(void **state)
{
    static const char *const names[] = {"_ZNSt9bad_allocC1Ev", "out of memory", "Allocation failed"};
    oj_compiler *compiler;
    (void)state;
    pool = open_pool_of(1);
    compiler = open_compiler(pool);
    for (size_t i = 0; i < OJI_COUNT(names); i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "declare i32 @llvm.amdgcn.workitem.id.x()\ndefine i32 @\"%s\"() {\n"
                 "  %%a = call i32 @llvm.amdgcn.workitem.id.x()\n  ret i32 %%a\n}\n",
                 names[i]);
        compile_fails(compiler, text, OJ_E_WORKER_CRASHED);
    }
    oj_compiler_destroy(compiler);
    oj_workers_destroy(pool);
}

/* --- a diagnostic function that compiles -------------------------------------------------------------------------- */

typedef struct inner {
    oj_compiler *compiler;
    oj_status status;
    char text[sizeof((oj_error *)0)->text];
} inner;

static void compile_inside(void *context, uint32_t severity, const char *text)
{
    inner *in = context;
    oj_bytes *bytes = NULL;
    oj_error error;
    (void)severity;
    (void)text;
    in->status = ojt_compile_text(in->compiler, ojt_add_ir, &bytes, &error);
    snprintf(in->text, sizeof in->text, "%s", error.text);
    oj_bytes_destroy(bytes);
}

static void edges_compile_within_a_diagnostic(void **state)
{
    static const char text[] = "define void @f() \"target-cpu\"=\"no-such-cpu\" {\n  ret void\n}\n";
    (void)state;
    for (uint32_t n_workers = 1; n_workers <= 2; n_workers++) {
        oj_compiler_options options;
        oj_compiler *outer;
        inner in;
        memset(&in, 0, sizeof in);
        pool = open_pool_of(n_workers);
        in.compiler = open_compiler(pool);
        options = isolated(pool);
        options.diagnostic = compile_inside;
        options.diagnostic_context = &in;
        outer = open_with(&options);
        oj_bytes_destroy(ojt_object(outer, text));
        assert_int_equal(in.status, n_workers == 1 ? OJ_E_MISUSE : OJ_OK);
        if (n_workers == 1)
            assert_has(in.text, "every worker of the pool works for this thread");
        oj_bytes_destroy(ojt_object(in.compiler, ojt_add_ir));
        oj_compiler_destroy(outer);
        oj_compiler_destroy(in.compiler);
        oj_workers_destroy(pool);
    }
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

/* Trying a target has no input, and the configuration alone leaves no room for one. */
static void edges_long_configuration_is_taken(void **state)
{
    oj_compiler_options options;
    (void)state;
    pool = open_pool_of(1);
    options = isolated(pool);
    for (size_t size = 48900; size <= 65300; size += size < 49200 ? 50 : 4000) {
        char *passes = malloc(size + 16);
        size_t length = (size_t)sprintf(passes, "function(dce");
        oj_compiler *compiler;
        for (; length + 5 < size; length += 4)
            memcpy(passes + length, ",dce", 5);
        memcpy(passes + length, ")", 2);
        options.passes = passes;
        compiler = open_with(&options);
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
        oj_compiler_destroy(compiler);
        free(passes);
    }
    oj_workers_destroy(pool);
}

/* Seconds that a process has used. */
static double used_by(pid_t pid)
{
    char path[64];
    unsigned long user = 0, system = 0;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system),
                     2);
    fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double limit_of(pid_t pid)
{
    char path[64], line[256];
    double limit = -1;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/limits", pid);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Max cpu time %lf", &limit) == 1)
            break;
    fclose(file);
    return limit;
}

/* Two seconds more than twice the deadline, however little of the second before is left. */
static void edges_processor_time_left_is_two_seconds_at_least(void **state)
{
    oj_compiler_options options;
    oj_compiler *large, *small;
    char *much = large_function(20000);
    (void)state;
    pool = open_pool_of(1);
    large = open_compiler(pool);
    options = isolated(pool);
    options.deadline_ms = 490;
    small = open_with(&options);
    for (int i = 0; i < 5; i++) {
        double used;
        oj_bytes_destroy(ojt_object(large, much));
        used = used_by(only_worker());
        oj_bytes_destroy(ojt_object(small, ojt_add_ir));
        assert_true(limit_of(only_worker()) >= used + 2);
    }
    oj_compiler_destroy(large);
    oj_compiler_destroy(small);
    oj_workers_destroy(pool);
    free(much);
}

OJT_MAIN(cmocka_unit_test(edges_end_behind_unread_warnings_is_told),
         cmocka_unit_test(edges_name_in_the_last_words_is_no_reason),
         cmocka_unit_test(edges_compile_within_a_diagnostic), cmocka_unit_test(edges_long_configuration_is_taken),
         cmocka_unit_test(edges_processor_time_left_is_two_seconds_at_least))
