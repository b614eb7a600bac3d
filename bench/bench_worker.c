/* Compiling in worker processes: what it adds for a small function, what the client holds, what a second worker brings,
 * and how soon a dead one is replaced. Always by wall time: the work is done elsewhere. */
#include "bench.h"

#include <ownjit/ownjit.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SMALL_ROUNDS 2000u
#define WARM_UP 100u
#define RECOVERIES 40u
#define RESIDENT_RUNS 5u
#define THROUGHPUT_MODULES 50 /* a run, for each worker: so many that the end, where one is idle, does not count */
#define THROUGHPUT_RUNS 2u

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static oj_workers *create_workers(uint32_t n)
{
    oj_workers_options options;
    oj_workers *workers = NULL;
    oj_error error;
    oj_workers_options_init(&options);
    options.n_workers = n;
    options.llvm_version = bench_llvm_major();
    if (oj_workers_create(&workers, &options, &error) != OJ_OK || oj_workers_start(workers, n, &error) != OJ_OK)
        bench_fail("%s", error.text);
    return workers;
}

/* workers NULL: in this process. */
static oj_compiler *create_compiler(oj_workers *workers)
{
    oj_compiler_options options;
    oj_compiler *compiler = NULL;
    oj_error error;
    oj_compiler_options_init(&options);
    options.level = OJ_LEVEL_0;
    options.isolation = workers ? OJ_ISOLATION_WORKER : OJ_ISOLATION_NONE;
    options.workers = workers;
    if (oj_compiler_create(&compiler, &options, &error) != OJ_OK)
        bench_fail("oj_compiler_create: %s", error.text);
    return compiler;
}

/* Microseconds; negative where it failed. */
static double time_compile(oj_compiler *compiler, bench_bytes bitcode)
{
    oj_ir ir = oj_ir_bytes(bitcode.data, bitcode.size);
    oj_bytes *bytes = NULL;
    double start = now_us(), took;
    if (oj_compile_object(compiler, &ir, &bytes, NULL) != OJ_OK)
        return -1;
    took = now_us() - start;
    oj_bytes_destroy(bytes);
    return took;
}

/* --- one small function ------------------------------------------------------------------------------------------- */

static bool small_run(bench_result *result, void *context)
{
    const bench_inputs *inputs = context;
    oj_workers *workers = create_workers(1);
    oj_compiler *near = create_compiler(NULL), *far = workers ? create_compiler(workers) : NULL;
    if (!near || !far)
        return false;
    for (uint32_t i = 0; i < WARM_UP + SMALL_ROUNDS; i++) {
        double here = time_compile(near, inputs->add.bitcode), there = time_compile(far, inputs->add.bitcode);
        if (here < 0 || there < 0)
            return bench_fail("a small function does not compile");
        if (i < WARM_UP)
            continue;
        bench_sample(&result->groups[result->n_groups - 2], 0, here);
        bench_sample(&result->groups[result->n_groups - 2], 1, there);
        bench_sample(&result->groups[result->n_groups - 1], 0, there - here);
    }
    oj_workers_destroy(workers);
    return true;
}

bool bench_worker_small(bench_result *result, const bench_inputs *inputs)
{
    bench_group *times = bench_group_add(result, "worker-small", "add -O0", "us");
    bench_group *extra = bench_group_add(result, "worker-small-extra", "add -O0", "us");
    bench_series_add(times, "in process");
    bench_series_add(times, "warm worker");
    bench_series_add(extra, "warm worker");
    snprintf(extra->note, sizeof extra->note, "a worker less the same compile in this process, round by round");
    return bench_isolated(small_run, result, (void *)(uintptr_t)inputs);
}

/* --- what the client holds ---------------------------------------------------------------------------------------- */

/* Run a program beside this one and read its line. */
static bool ask_program(const char *name, const char *arguments, double *values, int n)
{
    char path[4096], command[8192];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    FILE *output;
    bool ok = length > 0;
    if (!ok)
        return false;
    path[length] = '\0';
    *strrchr(path, '/') = '\0';
    snprintf(command, sizeof command, "'%s/%s' %s", path, name, arguments);
    output = popen(command, "r");
    for (int i = 0; output && i < n; i++)
        ok = ok && fscanf(output, "%lf", &values[i]) == 1;
    if (!output || pclose(output) != 0 || !ok)
        return bench_fail("%s fails", command);
    return true;
}

static bool write_bitcode(char *path, bench_bytes bitcode)
{
    int fd = mkstemp(path);
    bool ok = fd >= 0 && write(fd, bitcode.data, bitcode.size) == (ssize_t)bitcode.size;
    if (fd >= 0)
        close(fd);
    return ok;
}

bool bench_worker_resident(bench_result *result, const bench_inputs *inputs)
{
    char path[] = "/tmp/ownjit-bench-XXXXXX", arguments[128];
    bench_group *group = bench_group_add(result, "worker-resident", "sqlite -O0", "bytes");
    bool ok = write_bitcode(path, inputs->sqlite.bitcode);
    bench_series_add(group, "peak while compiling");
    bench_series_add(group, "after compiling");
    bench_series_add(group, "after linking");
    group->is_comparable = false;
    snprintf(group->note, sizeof group->note,
             "the client's resident size above that of a C program that does nothing, less bitcode, object and code "
             "bytes; VmHWM and VmRSS");
    snprintf(arguments, sizeof arguments, "%s %u", path, bench_llvm_major());
    for (uint32_t i = 0; ok && i < RESIDENT_RUNS; i++) {
        double bare[2], client[6];
        ok = ask_program("ownjit-bench-bare", "", bare, 2) && ask_program("ownjit-bench-client", arguments, client, 6);
        if (!ok)
            break;
        bench_sample(group, 0, client[0] - bare[0] - client[3] - client[4]);
        bench_sample(group, 1, client[1] - bare[1] - client[3] - client[4]);
        bench_sample(group, 2, client[2] - bare[1] - client[3] - client[4] - client[5]);
    }
    unlink(path);
    return ok;
}

/* --- two workers -------------------------------------------------------------------------------------------------- */

typedef struct throughput {
    const bench_inputs *inputs;
    oj_workers *workers;
    uint32_t n_workers;
    int n_left;
    int n_failed;
} throughput;

static void *compile_modules(void *context)
{
    throughput *t = context;
    oj_compiler *compiler = create_compiler(t->workers);
    while (compiler && __atomic_fetch_sub(&t->n_left, 1, __ATOMIC_RELAXED) > 0)
        if (time_compile(compiler, t->inputs->lua.bitcode) < 0)
            __atomic_fetch_add(&t->n_failed, 1, __ATOMIC_RELAXED);
    oj_compiler_destroy(compiler);
    return NULL;
}

static bool throughput_run(bench_result *result, void *context)
{
    throughput *t = context;
    pthread_t threads[2];
    int n_modules = THROUGHPUT_MODULES * (int)t->n_workers;
    double start;
    t->workers = create_workers(t->n_workers);
    if (!t->workers)
        return false;
    t->n_left = n_modules;
    t->n_failed = 0;
    start = now_us();
    for (uint32_t i = 0; i < t->n_workers; i++)
        if (pthread_create(&threads[i], NULL, compile_modules, t) != 0)
            return bench_fail("no thread");
    for (uint32_t i = 0; i < t->n_workers; i++)
        pthread_join(threads[i], NULL);
    bench_sample(&result->groups[result->n_groups - 1], t->n_workers - 1, (now_us() - start) / 1000 / n_modules);
    oj_workers_destroy(t->workers);
    return t->n_failed == 0 && t->n_left < 0;
}

bool bench_worker_throughput(bench_result *result, const bench_inputs *inputs)
{
    bench_group *group = bench_group_add(result, "worker-throughput", "lua -O0", "ms");
    snprintf(group->note, sizeof group->note,
             "each of %u modules by two threads and workers, and of half as many by one, in turns",
             2 * THROUGHPUT_MODULES * THROUGHPUT_RUNS);
    bench_series_add(group, "one worker");
    bench_series_add(group, "two workers");
    for (uint32_t run = 0; run < THROUGHPUT_RUNS; run++)
        for (uint32_t n = 1; n <= 2; n++) {
            throughput t = {.inputs = inputs, .n_workers = n};
            if (!bench_isolated(throughput_run, result, &t))
                return false;
        }
    return true;
}

/* --- after a kill ------------------------------------------------------------------------------------------------- */

static oj_workers_stats stats_of(oj_workers *workers)
{
    oj_workers_stats stats;
    memset(&stats, 0, sizeof stats);
    oj_workers_get_stats(workers, &stats, sizeof stats);
    return stats;
}

static pid_t worker_of(oj_workers *workers)
{
    int keeper = stats_of(workers).keeper_pid, pid = 0;
    char path[64];
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", keeper, keeper);
    file = fopen(path, "r");
    if (file && fscanf(file, "%d", &pid) != 1)
        pid = 0;
    if (file)
        fclose(file);
    return pid;
}

static pid_t keeper_of(oj_workers *workers) { return stats_of(workers).keeper_pid; }

/* Until the first compile by another worker: one that meets the dying process may still be answered, or fail with a
 * status. */
static bool recover(bench_group *group, uint32_t series, oj_workers *workers, oj_compiler *compiler,
                    bench_bytes bitcode, pid_t pid)
{
    uint64_t n_started = stats_of(workers).n_started;
    double start = now_us();
    if (pid <= 0 || kill(pid, SIGKILL) != 0)
        return bench_fail("no process to kill");
    for (int i = 0; i < 1000; i++)
        if (time_compile(compiler, bitcode) >= 0 && stats_of(workers).n_started > n_started) {
            bench_sample(group, series, (now_us() - start) / 1000);
            return true;
        }
    return bench_fail("no recovery");
}

static bool recovery_run(bench_result *result, void *context)
{
    const bench_inputs *inputs = context;
    oj_workers *workers = create_workers(1);
    oj_compiler *compiler = workers ? create_compiler(workers) : NULL;
    bool ok = compiler != NULL;
    for (uint32_t i = 0; ok && i < RECOVERIES; i++) {
        ok = time_compile(compiler, inputs->add.bitcode) >= 0 &&
             recover(&result->groups[result->n_groups - 1], 0, workers, compiler, inputs->add.bitcode,
                     worker_of(workers)) &&
             recover(&result->groups[result->n_groups - 1], 1, workers, compiler, inputs->add.bitcode,
                     keeper_of(workers));
    }
    oj_compiler_destroy(compiler);
    oj_workers_destroy(workers);
    return ok;
}

bool bench_worker_recovery(bench_result *result, const bench_inputs *inputs)
{
    bench_group *group = bench_group_add(result, "worker-recovery", "add -O0", "ms");
    bench_series_add(group, "worker killed");
    bench_series_add(group, "keeper killed");
    group->is_comparable = false;
    snprintf(group->note, sizeof group->note, "from kill -9 to the next object");
    return bench_isolated(recovery_run, result, (void *)(uintptr_t)inputs);
}
