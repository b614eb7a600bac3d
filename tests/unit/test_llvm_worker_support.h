/* What the tests of compilers in worker processes share: a pool of the LLVM under test, and IR that ends a worker or
 * keeps it busy. */
#ifndef OJT_LLVM_WORKER_SUPPORT_H
#define OJT_LLVM_WORKER_SUPPORT_H

#include "test_llvm_support.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

/* LLVM ends the process for it, on every target but one. */
static const char fatal_ir[] __attribute__((unused)) = "declare i32 @llvm.amdgcn.workitem.id.x()\n"
                                                       "define i32 @f() {\n"
                                                       "  %a = call i32 @llvm.amdgcn.workitem.id.x()\n"
                                                       "  ret i32 %a\n"
                                                       "}\n";

/* A pool of the LLVM under test; skips where there is none. */
static inline oj_workers *open_pool(const oj_workers_options *given)
{
    oj_workers_options options;
    oj_workers *workers = NULL;
    oj_error error;
    if (given)
        options = *given;
    else
        oj_workers_options_init(&options);
    options.llvm_version = ojt_llvm_wanted();
    if (oj_workers_create(&workers, &options, &error) != OJ_OK)
        fail_msg("%s", error.text);
    if (oj_workers_start(workers, 1, &error) == OJ_E_NO_LLVM) {
        print_message("%s\n", error.text);
        oj_workers_destroy(workers);
        skip();
    }
    if (error.status != OJ_OK)
        fail_msg("%s", error.text);
    return workers;
}

static inline oj_workers *open_pool_of(uint32_t n_workers)
{
    oj_workers_options options;
    oj_workers_options_init(&options);
    options.n_workers = n_workers;
    return open_pool(&options);
}

static inline oj_compiler_options isolated(oj_workers *workers)
{
    oj_compiler_options options;
    oj_compiler_options_init(&options);
    options.isolation = OJ_ISOLATION_WORKER;
    options.workers = workers;
    return options;
}

static inline oj_compiler *open_with(const oj_compiler_options *options)
{
    oj_compiler *compiler = NULL;
    oj_error error;
    if (oj_compiler_create(&compiler, options, &error) != OJ_OK)
        fail_msg("oj_compiler_create: %s", error.text);
    return compiler;
}

static inline oj_compiler *open_compiler(oj_workers *workers)
{
    oj_compiler_options options = isolated(workers);
    return open_with(&options);
}

static inline oj_workers_stats stats_of(oj_workers *workers)
{
    oj_workers_stats stats;
    assert_int_equal(oj_workers_get_stats(workers, &stats, sizeof stats), OJ_OK);
    return stats;
}

/* The keeper's children, from the system; their count, at most `capacity`. */
static inline int worker_pids(oj_workers *workers, pid_t *pids, int capacity)
{
    char path[96];
    FILE *file;
    int n = 0, pid;
    int keeper = stats_of(workers).keeper_pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", keeper, keeper);
    file = fopen(path, "r");
    if (!file)
        return 0;
    while (n < capacity && fscanf(file, "%d", &pid) == 1)
        pids[n++] = pid;
    fclose(file);
    return n;
}

static inline uint64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000u + (uint64_t)time.tv_nsec / 1000000u;
}

static inline void sleep_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static inline oj_error compile_fails(oj_compiler *compiler, const char *text, oj_status status)
{
    oj_error error;
    oj_bytes *bytes = (oj_bytes *)&error;
    oj_status got = ojt_compile_text(compiler, text, &bytes, &error);
    if (got != status)
        fail_msg("%s rather than %s: %s", oj_status_name(got), oj_status_name(status), error.text);
    assert_null(bytes);
    assert_int_equal(error.status, status);
    return error;
}

static inline void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* One function of very many instructions that no pass can fold. */
static inline char *large_function(size_t n)
{
    char *text = malloc(n * 60 + 200), *next = text;
    assert_non_null(text);
    next += sprintf(next, "declare i32 @g(i32)\ndefine i32 @f(i32 %%v0) {\n");
    for (size_t i = 1; i <= n; i++)
        next += sprintf(next, "%%v%zu = call i32 @g(i32 %%v%zu)\n", i, i - 1);
    sprintf(next, "ret i32 %%v%zu\n}\n", n);
    return text;
}

/* Passes that take minutes on a large function. */
static inline char *endless_passes(void)
{
    static const char pass[] = "default<O3>,";
    size_t length = sizeof pass - 1, n = 3000;
    char *passes = malloc(n * length + 1);
    assert_non_null(passes);
    for (size_t i = 0; i < n; i++)
        memcpy(passes + i * length, pass, length);
    passes[n * length - 1] = '\0';
    return passes;
}

#endif
