/* Soak: cycles of compile, link, run and drop from several threads, with failures and killed workers in between, in
 * rounds. After each round nothing may be held that was not held after the first: resident memory, mappings,
 * descriptors, children. OJT_SOAK is the time in seconds (`make soak`), a few by default. */
#include "support/process.h"
#include "unit/test_tls_support.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

/* A sanitizer keeps freed memory for a while. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

enum { N_THREADS = 3, N_ROUNDS = 6 };

static const char ir[] = "define i32 @f() {\n  ret i32 7\n}\n";
static atomic_bool is_over;
static atomic_ulong n_cycles, n_failures, n_kills, n_compiles;

typedef struct usage {
    long resident; /* KiB */
    long n_mappings;
    long n_files;
} usage;

static long count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    long n = 0;
    assert_non_null(file);
    for (int c; (c = getc(file)) != EOF;)
        n += c == '\n';
    fclose(file);
    return n;
}

static usage measure(void)
{
    usage u = {0, count_lines("/proc/self/maps"), ojt_count_files()};
    FILE *file = fopen("/proc/self/statm", "r");
    long size;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &size, &u.resident), 2);
    fclose(file);
    u.resident *= sysconf(_SC_PAGESIZE) / 1024;
    return u;
}

/* --- cycles: each ends everything that it made -------------------------------------------------------------------- */

/* From nothing to some pages. */
static void cycle_link(unsigned *seed)
{
    static const uint32_t flags[] = {0, OJ_LINK_SECTIONS_SINGLY, OJ_LINK_WHOLE_PAGES, OJ_LINK_DEBUGGER};
    uint32_t value = (uint32_t)rand_r(seed);
    uint8_t data[20000] = {1}, code[6];
    oj_link_options options;
    oj_object *object;
    oj_code *linked;
    ojt_elf elf;
    ojt_elf_init(&elf);
    ojt_elf_add_global(&elf, "f", ojt_elf_add_code(&elf, ojt_return_code(code, value), sizeof code), 0, sizeof code);
    ojt_elf_add_data(&elf, data, (size_t)rand_r(seed) % sizeof data);
    object = ojt_object(&elf, "soak.o");
    oj_link_options_init(&options);
    options.flags = flags[(unsigned)rand_r(seed) % 4];
    linked = ojt_link(&object, 1, &options);
    oj_object_destroy(object);
    assert_int_equal(ojt_call(linked, "f"), (int)value);
    oj_code_destroy(linked);
}

/* A name is missing, or the heap ends somewhere. */
static void cycle_failure(unsigned *seed)
{
    oj_object *object = ojt_object_calling("calling.o", "f", "nobody_defines_this");
    oj_link_options options;
    oj_code *code;
    oj_error error;
    ojt_heap heap;
    ojt_heap_init(&heap);
    heap.fail_at = (size_t)rand_r(seed) % 4;
    oj_link_options_init(&options);
    options.allocator = &heap.table;
    assert_int_not_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_OK);
    assert_int_equal(heap.n_live, 0);
    oj_object_destroy(object);
    n_failures++;
}

static void cycle_variables(unsigned *seed)
{
    oj_code *code = ojt_tls_link(ojt_tls_object((ojt_tls_model)((unsigned)rand_r(seed) % 2)), NULL);
    ojt_tls_check_copy(code, 5);
    oj_code_destroy(code);
}

static void cycle_session(unsigned *seed)
{
    oj_object *objects[2] = {ojt_object_calling("a.o", "a", "b"), ojt_object_returning("b.o", "b", 41)};
    oj_session *session;
    uint64_t addr;
    oj_error error;
    (void)seed;
    assert_int_equal(oj_session_create(&session, NULL, &error), OJ_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(oj_session_add_object(session, objects[i], NULL, NULL, &error), OJ_OK);
    assert_int_equal(oj_session_lookup(session, "a", &addr, &error), OJ_OK);
    assert_int_equal(ojt_call_at(addr), 42);
    oj_session_destroy(session);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

static void *run_cycles(void *argument)
{
    static void (*const cycles[])(unsigned *) = {cycle_link, cycle_link, cycle_failure, cycle_variables, cycle_session};
    unsigned seed = (unsigned)(uintptr_t)argument;
    while (!is_over) {
        cycles[(unsigned)rand_r(&seed) % OJI_COUNT(cycles)](&seed);
        n_cycles++;
    }
    return NULL;
}

/* --- workers ------------------------------------------------------------------------------------------------------ */

static void kill_keeper(oj_workers *workers)
{
    oj_workers_stats stats;
    assert_int_equal(oj_workers_get_stats(workers, &stats, sizeof stats), OJ_OK);
    if (stats.keeper_pid > 0 && kill(stats.keeper_pid, SIGKILL) == 0)
        n_kills++;
}

/* A compile may meet the kill of just before; only where nothing was killed must it succeed. */
static void *run_workers(void *argument)
{
    oj_compiler *compiler = NULL;
    oj_compiler_options options;
    oj_ir text = oj_ir_bytes(ir, sizeof ir - 1);
    oj_error error;
    oj_compiler_options_init(&options);
    options.isolation = OJ_ISOLATION_WORKER;
    options.workers = argument;
    if (oj_compiler_create(&compiler, &options, &error) != OJ_OK)
        return error.status == OJ_E_NO_LLVM ? argument : NULL;
    for (unsigned i = 1; !is_over; i++) {
        oj_code *code = NULL;
        oj_status status = oj_compile(compiler, &text, NULL, &code, &error);
        if (status == OJ_OK)
            assert_int_equal(ojt_call(code, "f"), 7);
        else if (status != OJ_E_WORKER_CRASHED && status != OJ_E_WORKER_START)
            fail_msg("%s: %s", oj_status_name(status), error.text);
        oj_code_destroy(code);
        n_compiles += status == OJ_OK;
        if (i % 50 == 0)
            kill_keeper(argument);
    }
    oj_compiler_destroy(compiler);
    return argument;
}

static void run_round(double seconds)
{
    pthread_t threads[N_THREADS + 1];
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    oj_workers_options options;
    oj_workers *workers;
    void *result;
    is_over = false;
    oj_workers_options_init(&options);
    options.n_workers = 2;
    options.llvm_version = getenv("OJT_LLVM") ? (uint32_t)atoi(getenv("OJT_LLVM")) : 0;
    assert_int_equal(oj_workers_create(&workers, &options, NULL), OJ_OK);
    for (uintptr_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_cycles, (void *)(i + 1)), 0);
    assert_int_equal(pthread_create(&threads[N_THREADS], NULL, run_workers, workers), 0);
    nanosleep(&time, NULL);
    is_over = true;
    for (int i = 0; i <= N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], &result), 0);
    assert_ptr_equal(result, workers);
    oj_workers_destroy(workers);
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    assert_int_equal(errno, ECHILD);
}

static void soak_holds_nothing(void **state)
{
    const char *time = getenv("OJT_SOAK");
    double seconds = time ? atof(time) : 4;
    usage first = {0, 0, 0}, now;
    (void)state;
    if (getenv("OJT_VALGRIND"))
        skip();
    for (int i = 0; i < N_ROUNDS; i++) {
        run_round(seconds / N_ROUNDS);
        now = measure();
        print_message("round %d: %lu cycles, %lu failures, %lu compiles, %lu kills; %ld KiB, %ld mappings, %ld files\n",
                      i, n_cycles, n_failures, n_compiles, n_kills, now.resident, now.n_mappings, now.n_files);
        /* What threads leave to libc's heap settles in the second round. */
        if (i < 2)
            first = now;
    }
    assert_int_equal(now.n_files, first.n_files);
    assert_true(now.n_mappings <= first.n_mappings + 8 || IS_SANITIZED);
    assert_true(now.resident <= first.resident + 2048 || IS_SANITIZED);
}

OJT_MAIN(cmocka_unit_test(soak_holds_nothing))
