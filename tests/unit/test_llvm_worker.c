/* Compilers in worker processes: what they give, what their failures come to, and what the client sees of them. */
#include "support/process.h"
#include "test_llvm_worker_support.h"
#include "worker/program.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t only_worker(oj_workers *workers)
{
    pid_t pids[2];
    for (int i = 0; i < 200; i++) {
        if (worker_pids(workers, pids, 2) == 1)
            return pids[0];
        sleep_ms(10);
    }
    fail_msg("no worker was seen");
    return 0;
}

/* A process that has ended may stay as a zombie until its reaper comes. It is one only when its descriptors are
 * closed, which is later than its program is gone. */
static void wait_for_end(pid_t pid)
{
    char path[64], state = 0;
    int n_threads = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int i = 0; i < 500; i++) {
        FILE *file = fopen(path, "r");
        bool is_there = file && fscanf(file,
                                       "%*d (%*[^)]) %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
                                       "%*d %d",
                                       &state, &n_threads) == 2;
        if (file)
            fclose(file);
        /* The first thread may be gone while another, a sanitizer's, still has the descriptors. */
        if (!is_there || ((state == 'Z' || state == 'X') && n_threads <= 1))
            return;
        sleep_ms(10);
    }
    fail_msg("process %d does not end", pid);
}

/* --- what it gives ------------------------------------------------------------------------------------------------ */

static void worker_compiles_like_in_process(void **state)
{
    oj_workers *workers = open_pool(NULL);
    oj_compiler *compiler = open_compiler(workers);
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *other = ojt_compiler(NULL, llvm);
    oj_bytes *far = ojt_object(compiler, ojt_add_ir), *near = ojt_object(other, ojt_add_ir);
    oj_compile_stats stats;
    oj_code *code;
    (void)state;
    assert_int_equal(oj_bytes_size(far), oj_bytes_size(near));
    assert_memory_equal(oj_bytes_data(far), oj_bytes_data(near), oj_bytes_size(far));
    assert_string_equal(oj_compiler_triple(compiler), oj_compiler_triple(other));
    assert_string_equal(oj_compiler_cpu(compiler), oj_compiler_cpu(other));
    assert_null(oj_compiler_llvm(compiler));
    assert_int_equal(oj_compiler_get_stats(compiler, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.object_size, oj_bytes_size(far));
    assert_true(stats.codegen_ns > 0);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    assert_int_equal(oj_link_bytes(oj_bytes_data(far), oj_bytes_size(far), NULL, &code, NULL), OJ_OK);
    assert_int_equal(((int (*)(int, int))(uintptr_t)oj_code_lookup(code, "add"))(2, 3), 5);
    oj_code_destroy(code);
    oj_bytes_destroy(far);
    oj_bytes_destroy(near);
    oj_compiler_destroy(other);
    oj_llvm_destroy(llvm);
}

/* Objects beyond 64 KiB are mapped, others copied. */
static void worker_large_objects_come_whole(void **state)
{
    oj_workers *workers = open_pool(NULL);
    oj_compiler *compiler = open_compiler(workers);
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler *other = ojt_compiler(NULL, llvm);
    char *text = large_function(10000);
    oj_bytes *far = ojt_object(compiler, text), *near = ojt_object(other, text);
    (void)state;
    assert_true(oj_bytes_size(far) > 65536);
    assert_int_equal(oj_bytes_size(far), oj_bytes_size(near));
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    assert_memory_equal(oj_bytes_data(far), oj_bytes_data(near), oj_bytes_size(far));
    oj_bytes_destroy(far);
    oj_bytes_destroy(near);
    oj_compiler_destroy(other);
    oj_llvm_destroy(llvm);
    free(text);
}

static bool maps_have(const char *part)
{
    char line[512];
    bool found = false;
    FILE *file = fopen("/proc/self/maps", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        found = found || strstr(line, part);
    fclose(file);
    return found;
}

static void worker_client_never_loads_llvm(void **state)
{
    bool has_llvm = maps_have("libLLVM"); /* another test of this process loaded it */
    oj_workers *workers = open_pool(NULL);
    oj_compiler *compiler = open_compiler(workers);
    (void)state;
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    compile_fails(compiler, "define", OJ_E_IR);
    assert_true(has_llvm || !maps_have("libLLVM"));
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

static void worker_default_pool_is_one(void **state)
{
    oj_workers *workers = oj_workers_default();
    (void)state;
    assert_non_null(workers);
    assert_ptr_equal(oj_workers_default(), workers);
    oj_workers_destroy(workers);
    assert_int_equal(stats_of(workers).n_started, 0);
}

/* --- LLVM's own failures, as in process --------------------------------------------------------------------------- */

static void worker_llvm_errors_come_back_whole(void **state)
{
    oj_workers *workers = open_pool(NULL);
    oj_compiler_options options = isolated(workers);
    oj_compiler *compiler = open_with(&options), *other = NULL;
    oj_error error = compile_fails(compiler, "define i32 @f( {\n", OJ_E_IR);
    (void)state;
    assert_true(error.line > 0 && error.column > 0);
    assert_string_equal(error.object, "module");
    options.passes = "no-such-pass";
    other = open_with(&options);
    compile_fails(other, ojt_add_ir, OJ_E_PASSES);
    oj_compiler_destroy(other);
    options.passes = NULL;
    options.triple = "nothing-unknown-none";
    assert_int_equal(oj_compiler_create(&other, &options, &error), OJ_E_TARGET);
    assert_null(other);
    assert_has(error.text, "nothing-unknown-none");
    options.triple = NULL;
    options.cpu = "no-such-cpu";
    assert_int_equal(oj_compiler_create(&other, &options, &error), OJ_E_TARGET);
    assert_has(error.text, "no-such-cpu");
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    assert_int_equal(stats_of(workers).n_crashed, 0);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

static void keep_warning(void *context, uint32_t severity, const char *text)
{
    if (severity == OJ_SEVERITY_WARNING)
        snprintf(context, 256, "%s", text);
}

static void worker_diagnostics_reach_the_client(void **state)
{
    static const char text[] = "define void @f() \"target-cpu\"=\"no-such-cpu\" {\n  ret void\n}\n";
    char heard[256] = "";
    oj_workers *workers = open_pool(NULL);
    oj_compiler_options options = isolated(workers);
    oj_compiler *compiler;
    (void)state;
    options.diagnostic = keep_warning;
    options.diagnostic_context = heard;
    compiler = open_with(&options);
    oj_bytes_destroy(ojt_object(compiler, text));
    assert_has(heard, "no-such-cpu");
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

/* Before a keeper was started nothing is known. */
static void worker_stats_tell_the_confinement(void **state)
{
    oj_workers *workers;
    (void)state;
    assert_int_equal(oj_workers_create(&workers, NULL, NULL), OJ_OK);
    assert_int_equal(stats_of(workers).confinement, 0);
    oj_workers_destroy(workers);
    workers = open_pool_of(1);
    assert_int_equal(stats_of(workers).confinement, oji_worker_probe_confinement());
    oj_workers_destroy(workers);
}

/* --- what ends a worker ------------------------------------------------------------------------------------------- */

static void worker_crash_is_a_status(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler *compiler = open_compiler(workers);
    (void)state;
    for (int i = 0; i < 3; i++) {
        oj_error error = compile_fails(compiler, fatal_ir, OJ_E_WORKER_CRASHED);
        assert_has(error.text, "SIGABRT");
        assert_has(error.text, "code generation");
        assert_has(error.text, "Cannot select");
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    }
    assert_int_equal(stats_of(workers).n_crashed, 3);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

static void worker_killed_while_idle_is_replaced(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler *compiler = open_compiler(workers);
    pid_t worker;
    (void)state;
    for (int i = 0; i < 3; i++) {
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
        assert_int_equal(kill(only_worker(workers), SIGKILL), 0);
    }
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    worker = only_worker(workers);
    assert_int_equal(kill(stats_of(workers).keeper_pid, SIGKILL), 0);
    wait_for_end(worker);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

typedef struct killer {
    oj_workers *workers;
    oj_compiler *compiler;
    int signal;
    bool is_keeper;
} killer;

static void *run_killer(void *argument)
{
    killer *k = argument;
    while (stats_of(k->workers).n_busy == 0)
        sleep_ms(5);
    sleep_ms(100);
    if (k->compiler)
        assert_int_equal(oj_compiler_cancel(k->compiler), OJ_OK);
    else
        kill(k->is_keeper ? stats_of(k->workers).keeper_pid : only_worker(k->workers), k->signal);
    return NULL;
}

/* Compile what does not end, and have it ended by the killer. */
static oj_error compile_endless(oj_workers *workers, killer k)
{
    oj_compiler_options options = isolated(workers);
    oj_compiler *compiler;
    pthread_t thread;
    oj_error error;
    oj_bytes *bytes;
    char *passes = endless_passes(), *text = large_function(3000);
    options.passes = passes;
    compiler = open_with(&options);
    k.workers = workers;
    if (k.compiler)
        k.compiler = compiler;
    assert_int_equal(pthread_create(&thread, NULL, run_killer, &k), 0);
    assert_int_not_equal(ojt_compile_text(compiler, text, &bytes, &error), OJ_OK);
    pthread_join(thread, NULL);
    oj_compiler_destroy(compiler);
    free(passes);
    free(text);
    return error;
}

static void worker_killed_while_compiling_is_a_status(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler *compiler = open_compiler(workers);
    oj_error error = compile_endless(workers, (killer){.signal = SIGKILL});
    (void)state;
    assert_int_equal(error.status, OJ_E_WORKER_CRASHED);
    assert_has(error.text, "SIGKILL");
    assert_has(error.text, "the passes");
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    error = compile_endless(workers, (killer){.signal = SIGKILL, .is_keeper = true});
    assert_int_equal(error.status, OJ_E_WORKER_CRASHED);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

static void worker_cancel_ends_the_compile(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler *compiler = open_compiler(workers);
    oj_error error;
    (void)state;
    assert_int_equal(oj_compiler_cancel(compiler), OJ_OK);
    assert_int_equal(oj_compiler_cancel(NULL), OJ_E_MISUSE);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    error = compile_endless(workers, (killer){.compiler = compiler});
    assert_int_equal(error.status, OJ_E_WORKER_CANCELLED);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

static void worker_deadline_is_a_status(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    oj_compiler *compiler, *patient = open_compiler(workers);
    uint64_t start;
    oj_error error;
    char *passes = endless_passes(), *text = large_function(3000);
    (void)state;
    options.passes = passes;
    options.deadline_ms = 300;
    compiler = open_with(&options);
    start = now_ms();
    error = compile_fails(compiler, text, OJ_E_WORKER_DEADLINE);
    assert_true(now_ms() - start >= 300);
    assert_true(now_ms() - start < 5000);
    assert_has(error.text, "300 ms");
    oj_bytes_destroy(ojt_object(patient, ojt_add_ir));
    assert_int_equal(stats_of(workers).n_ended, 1);
    oj_compiler_destroy(compiler);
    oj_compiler_destroy(patient);
    free(passes);
    free(text);
    oj_workers_destroy(workers);
}

static void worker_memory_limit_is_a_status(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    char *text = large_function(300000);
    oj_compiler *compiler;
    oj_bytes *bytes = NULL;
    oj_error error;
    (void)state;
    if (OJT_SANITIZED) {
        free(text);
        oj_workers_destroy(workers);
        skip();
    }
    options.memory_size = 48u << 20;
    compiler = open_with(&options);
    /* LLVM 14 may end without a word where its memory does: then nobody can tell why. */
    if (OJ_E_WORKER_MEMORY != ojt_compile_text(compiler, text, &bytes, &error)) {
        assert_int_equal(ojt_llvm_wanted(), 14);
        assert_int_equal(error.status, OJ_E_WORKER_CRASHED);
    }
    assert_null(bytes);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    options.memory_size = UINT64_MAX;
    oj_compiler_destroy(compiler);
    assert_int_equal(oj_compiler_create(&compiler, &options, NULL), OJ_E_MISUSE);
    free(text);
    oj_workers_destroy(workers);
}

/* The input alone is more than the limit: the worker lives, and says what it has no room for. */
static void worker_input_above_the_memory_limit_is_a_status(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler_options options = isolated(workers);
    char *text = large_function(300000);
    oj_compiler *compiler;
    oj_bytes *bytes = NULL;
    oj_error error;
    (void)state;
    if (!OJT_SANITIZED) {
        options.memory_size = 1u << 20;
        compiler = open_with(&options);
        assert_true(strlen(text) > 2u << 20);
        assert_int_equal(ojt_compile_text(compiler, text, &bytes, &error), OJ_E_WORKER_MEMORY);
        assert_null(bytes);
        assert_non_null(strstr(error.text, "memory_size"));
        assert_non_null(strstr(error.text, "the input"));
        oj_compiler_destroy(compiler);
    }
    free(text);
    oj_workers_destroy(workers);
}

static void worker_idle_ones_end(void **state)
{
    oj_workers_options pool;
    oj_workers *workers;
    oj_compiler *compiler;
    pid_t keeper;
    (void)state;
    oj_workers_options_init(&pool);
    pool.idle_ms = 50;
    pool.n_workers = 2;
    workers = open_pool(&pool);
    compiler = open_compiler(workers);
    for (int i = 0; i < 3; i++) {
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
        keeper = stats_of(workers).keeper_pid;
        assert_true(keeper > 0);
        wait_for_end(keeper);
    }
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

static void status_line(pid_t pid, const char *name, char *line, int capacity)
{
    char path[64];
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, capacity, file) && strncmp(line, name, strlen(name)) != 0)
        continue;
    fclose(file);
}

/* The process that compiles is the confined one, and has no descriptor but what it needs. */
static void worker_runs_confined(void **state)
{
    oj_workers_options pool;
    oj_workers *workers;
    oj_compiler *compiler;
    char line[256], path[64];
    pid_t pid;
    DIR *folder;
    int n = 0;
    (void)state;
    oj_workers_options_init(&pool);
    pool.flags = OJ_WORKERS_REQUIRE_CONFINED;
    pool.n_workers = 1;
    workers = open_pool(&pool);
    compiler = open_compiler(workers);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    pid = only_worker(workers);
    status_line(pid, "Seccomp:", line, sizeof line);
    assert_has(line, "2");
    status_line(pid, "NoNewPrivs:", line, sizeof line);
    assert_has(line, "1");
    status_line(pid, "CapEff:", line, sizeof line);
    assert_has(line, "0000000000000000");
    status_line(pid, "CapPrm:", line, sizeof line);
    assert_has(line, "0000000000000000");
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    /* What it closes last it closes after it has answered. Another user's folder cannot be read. */
    for (int i = 0; i < 100 && n != 2 + 5 && (folder = opendir(path)) != NULL; i++) {
        for (n = 0; readdir(folder);)
            n++;
        closedir(folder);
        sleep_ms(10);
    }
    assert_true(n == 0 || n == 2 + 5);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

/* --- many at once ------------------------------------------------------------------------------------------------- */

typedef struct many {
    oj_workers *workers;
    int n_wrong;
} many;

static void *run_many(void *argument)
{
    many *m = argument;
    oj_compiler *compiler = open_compiler(m->workers);
    for (int i = 0; i < 15; i++) {
        oj_bytes *bytes;
        oj_error error;
        bool is_fatal = i % 5 == 4;
        oj_status status = ojt_compile_text(compiler, is_fatal ? fatal_ir : ojt_add_ir, &bytes, &error);
        if (status != (is_fatal ? OJ_E_WORKER_CRASHED : OJ_OK))
            m->n_wrong++;
        oj_bytes_destroy(bytes);
    }
    oj_compiler_destroy(compiler);
    return NULL;
}

static void worker_threads_share_a_pool(void **state)
{
    oj_workers *workers = open_pool_of(2);
    many each[6];
    pthread_t threads[6];
    (void)state;
    for (int i = 0; i < 6; i++) {
        each[i] = (many){workers, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, &each[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(each[i].n_wrong, 0);
    }
    assert_int_equal(stats_of(workers).n_busy, 0);
    assert_int_equal(stats_of(workers).n_waiting, 0);
    assert_int_equal(stats_of(workers).n_crashed, 18);
    oj_workers_destroy(workers);
}

/* --- the client's process ----------------------------------------------------------------------------------------- */

static volatile sig_atomic_t n_child_signals;

static void count_child(int number)
{
    (void)number;
    n_child_signals++;
}

/* Starts, crashes and ends of workers are nothing that the client's wait() or handler sees. */
static void worker_no_child_of_the_client(void **state)
{
    struct sigaction action = {.sa_handler = count_child};
    (void)state;
    for (int ignored = 0; ignored < 2; ignored++) {
        oj_workers *workers;
        oj_compiler *compiler;
        sigaction(SIGCHLD, &action, NULL);
        workers = open_pool_of(1);
        compiler = open_compiler(workers);
        compile_fails(compiler, fatal_ir, OJ_E_WORKER_CRASHED);
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
        assert_int_equal(wait(NULL), -1);
        assert_int_equal(errno, ECHILD);
        oj_compiler_destroy(compiler);
        oj_workers_destroy(workers);
        assert_int_equal(wait(NULL), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(n_child_signals, 0);
        action.sa_handler = SIG_IGN;
    }
    action.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &action, NULL);
}

static void worker_leaves_no_descriptor(void **state)
{
    int before;
    (void)state;
    oj_workers_destroy(open_pool_of(1));
    before = ojt_count_files();
    for (int i = 0; i < 3; i++) {
        oj_workers *workers = open_pool_of(2);
        oj_compiler *compiler = open_compiler(workers);
        compile_fails(compiler, fatal_ir, OJ_E_WORKER_CRASHED);
        oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
        oj_compiler_destroy(compiler);
        oj_workers_destroy(workers);
    }
    assert_int_equal(ojt_count_files(), before);
}

/* In a child, because the test's own streams must stay. Its exit status tells what failed. */
static int without_streams(oj_workers *unused)
{
    oj_workers_options options;
    oj_compiler_options compiler_options;
    oj_workers *workers;
    oj_compiler *compiler;
    oj_bytes *bytes;
    (void)unused;
    for (int fd = 0; fd <= 2; fd++)
        close(fd);
    oj_workers_options_init(&options);
    options.llvm_version = ojt_llvm_wanted();
    if (oj_workers_create(&workers, &options, NULL) != OJ_OK)
        return 1;
    compiler_options = isolated(workers);
    if (oj_compiler_create(&compiler, &compiler_options, NULL) != OJ_OK)
        return 2;
    if (ojt_compile_text(compiler, ojt_add_ir, &bytes, NULL) != OJ_OK)
        return 3;
    /* Still free: nothing of ours took a place that output goes to. */
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) != -1)
            return 4;
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    return 0;
}

/* A child with a pool of its parent's gets processes of its own; the parent's go on. */
static int use_inherited(oj_workers *workers)
{
    oj_compiler_options options = isolated(workers);
    oj_compiler *compiler;
    oj_bytes *bytes;
    if (stats_of(workers).n_running != 0 || stats_of(workers).keeper_pid != 0)
        return 1;
    if (oj_compiler_create(&compiler, &options, NULL) != OJ_OK)
        return 2;
    if (ojt_compile_text(compiler, ojt_add_ir, &bytes, NULL) != OJ_OK)
        return 3;
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    return 0;
}

/* Files are out of reach after this, and the user is another. */
static int leave_root(oj_workers *workers)
{
    oj_compiler_options options = isolated(workers);
    oj_compiler *compiler;
    oj_error error;
    oj_bytes *bytes;
    if (chroot("/proc/self/fdinfo") != 0 || chdir("/") != 0)
        return 77;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 1;
    if (oj_compiler_create(&compiler, &options, &error) != OJ_OK)
        return 2;
    if (ojt_compile_text(compiler, fatal_ir, &bytes, &error) != OJ_E_WORKER_CRASHED)
        return 3;
    if (ojt_compile_text(compiler, ojt_add_ir, &bytes, &error) != OJ_OK)
        return 4;
    oj_bytes_destroy(bytes);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    return 0;
}

static int run_in_child(int (*function)(oj_workers *), oj_workers *workers)
{
    pid_t pid = ojt_fork();
    if (pid == 0)
        _exit(function(workers));
    return ojt_wait(pid);
}

static void worker_works_without_standard_streams(void **state)
{
    (void)state;
    oj_workers_destroy(open_pool_of(1));
    assert_int_equal(run_in_child(without_streams, NULL), 0);
}

static void worker_works_after_fork(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_compiler *compiler = open_compiler(workers);
    pid_t before;
    (void)state;
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    before = only_worker(workers);
    assert_int_equal(run_in_child(use_inherited, workers), 0);
    oj_bytes_destroy(ojt_object(compiler, ojt_add_ir));
    assert_int_equal(only_worker(workers), before);
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
}

static int start_and_leave_root(oj_workers *unused)
{
    oj_workers_options options;
    oj_workers *workers;
    (void)unused;
    oj_workers_options_init(&options);
    options.llvm_version = ojt_llvm_wanted();
    options.n_workers = 1;
    if (oj_workers_create(&workers, &options, NULL) != OJ_OK || oj_workers_start(workers, 0, NULL) != OJ_OK)
        return 10;
    return leave_root(workers);
}

static void worker_works_after_chroot_and_setuid(void **state)
{
    int status;
    (void)state;
    oj_workers_destroy(open_pool_of(1));
    status = run_in_child(start_and_leave_root, NULL);
    if (status == 77)
        skip();
    assert_int_equal(status, 0);
}

/* --- misuse ------------------------------------------------------------------------------------------------------- */

static void worker_misuse_rejected(void **state)
{
    oj_workers *workers = open_pool_of(1);
    oj_llvm *llvm = ojt_llvm_open();
    oj_compiler_options options = isolated(workers);
    ojt_live live = ojt_live_module(llvm, ojt_add_ir);
    oj_ir ir = oj_ir_module(live.module);
    oj_compiler *compiler;
    oj_workers *other;
    oj_workers_options pool;
    oj_bytes *bytes;
    oj_error error;
    (void)state;
    compiler = open_with(&options);
    assert_int_equal(oj_compile_object(compiler, &ir, &bytes, &error), OJ_E_MISUSE);
    assert_has(error.text, "bitcode");
    oj_compiler_destroy(compiler);
    options.llvm = llvm;
    assert_int_equal(oj_compiler_create(&compiler, &options, &error), OJ_E_MISUSE);
    options = ojt_defaults();
    options.workers = workers;
    assert_int_equal(oj_compiler_create(&compiler, &options, &error), OJ_E_MISUSE);
    options.workers = NULL;
    options.isolation = 3;
    assert_int_equal(oj_compiler_create(&compiler, &options, &error), OJ_E_MISUSE);
    compiler = ojt_compiler(NULL, llvm);
    assert_int_equal(oj_compiler_cancel(compiler), OJ_E_UNSUPPORTED);
    oj_compiler_destroy(compiler);
    assert_int_equal(oj_workers_start(workers, 2, &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "n_workers is 2, above the pool's, 1"));
    assert_int_equal(oj_workers_start(NULL, 0, &error), OJ_E_MISUSE);
    assert_string_equal(error.text, "workers is NULL");
    assert_int_equal(oj_workers_create(NULL, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_workers_get_stats(workers, NULL, 0), OJ_E_MISUSE);
    oj_workers_options_init(&pool);
    pool.n_workers = 65;
    assert_int_equal(oj_workers_create(&other, &pool, &error), OJ_E_MISUSE);
    ojt_live_end(llvm, live);
    oj_llvm_destroy(llvm);
    oj_workers_destroy(workers);
}

/* Every allocation of ours fails in turn; each time a status, and nothing kept. */
static void worker_every_allocation_may_fail(void **state)
{
    size_t fail_from = 0;
    oj_status status = OJ_E_NOMEM;
    (void)state;
    oj_workers_destroy(open_pool_of(1));
    while (status == OJ_E_NOMEM && fail_from++ < 40) {
        ojt_heap heap;
        oj_workers_options pool;
        oj_compiler_options options;
        oj_workers *workers = NULL;
        oj_compiler *compiler = NULL;
        oj_bytes *bytes = NULL;
        ojt_heap_init(&heap);
        heap.fail_at = fail_from;
        heap.fail_from = true;
        oj_workers_options_init(&pool);
        pool.allocator = &heap.table;
        pool.llvm_version = ojt_llvm_wanted();
        pool.n_workers = 1;
        status = oj_workers_create(&workers, &pool, NULL);
        options = isolated(workers);
        options.allocator = &heap.table;
        if (status == OJ_OK)
            status = oj_compiler_create(&compiler, &options, NULL);
        if (status == OJ_OK)
            status = ojt_compile_text(compiler, ojt_add_ir, &bytes, NULL);
        oj_bytes_destroy(bytes);
        oj_compiler_destroy(compiler);
        oj_workers_destroy(workers);
        assert_int_equal(heap.live_size, 0);
    }
    assert_int_equal(status, OJ_OK);
    assert_true(fail_from > 5);
}

OJT_MAIN(cmocka_unit_test(worker_compiles_like_in_process), cmocka_unit_test(worker_client_never_loads_llvm),
         cmocka_unit_test(worker_default_pool_is_one), cmocka_unit_test(worker_large_objects_come_whole),
         cmocka_unit_test(worker_llvm_errors_come_back_whole), cmocka_unit_test(worker_diagnostics_reach_the_client),
         cmocka_unit_test(worker_stats_tell_the_confinement), cmocka_unit_test(worker_crash_is_a_status),
         cmocka_unit_test(worker_killed_while_idle_is_replaced),
         cmocka_unit_test(worker_killed_while_compiling_is_a_status), cmocka_unit_test(worker_cancel_ends_the_compile),
         cmocka_unit_test(worker_deadline_is_a_status), cmocka_unit_test(worker_memory_limit_is_a_status),
         cmocka_unit_test(worker_input_above_the_memory_limit_is_a_status), cmocka_unit_test(worker_idle_ones_end),
         cmocka_unit_test(worker_runs_confined), cmocka_unit_test(worker_threads_share_a_pool),
         cmocka_unit_test(worker_no_child_of_the_client), cmocka_unit_test(worker_leaves_no_descriptor),
         cmocka_unit_test(worker_works_without_standard_streams), cmocka_unit_test(worker_works_after_fork),
         cmocka_unit_test(worker_works_after_chroot_and_setuid), cmocka_unit_test(worker_misuse_rejected),
         cmocka_unit_test(worker_every_allocation_may_fail))
