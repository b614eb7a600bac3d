/* Compiling in worker processes: what it adds for a small function, what the client holds, what a second worker brings,
 * and how soon a dead one is replaced. Always by wall time: the work is done elsewhere. */
#include "bench.h"

#include <fcntl.h>
#include <malloc.h>
#include <ownjit/ownjit.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SMALL_ROUNDS 2000u
#define WARM_UP 100u
#define RECOVERIES 40u
#define RESIDENT_RUNS 5u
#define THROUGHPUT_MODULES 4u /* a turn, for each worker */
#define THROUGHPUT_BARE 2u
#define THROUGHPUT_ROUNDS 25u

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

static void work_for(double us)
{
    double end = now_us() + us;
    while (now_us() < end)
        ;
}

/* What waking another process and being woken by it takes is the machine's to say: one that only works for as long as
 * each message says, and answers. It ends when its socket does: with this process. */
static int start_bare_answerer(void)
{
    int ends[2];
    double us;
    pid_t child;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0 || (child = fork()) < 0)
        return -1;
    if (child == 0) {
        close(ends[0]);
        while (read(ends[1], &us, sizeof us) == (ssize_t)sizeof us) {
            work_for(us);
            if (write(ends[1], &us, sizeof us) != (ssize_t)sizeof us)
                break;
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

/* Microseconds beyond the work itself; negative where it failed. */
static double time_bare_answer(int socket, double us)
{
    double start = now_us();
    bool ok = write(socket, &us, sizeof us) == (ssize_t)sizeof us && read(socket, &us, sizeof us) == (ssize_t)sizeof us;
    return ok ? now_us() - start - us : -1;
}

static bool small_run(bench_result *result, void *context)
{
    const bench_inputs *inputs = context;
    oj_workers *workers = create_workers(1);
    oj_compiler *near = create_compiler(NULL), *far = workers ? create_compiler(workers) : NULL;
    int bare = start_bare_answerer();
    if (!near || !far || bare < 0)
        return false;
    for (uint32_t i = 0; i < WARM_UP + SMALL_ROUNDS; i++) {
        double here = time_compile(near, inputs->add.bitcode), there = time_compile(far, inputs->add.bitcode), answer;
        if (here < 0 || there < 0)
            return bench_fail("a small function does not compile");
        work_for(here);
        answer = time_bare_answer(bare, here);
        if (i < WARM_UP)
            continue;
        bench_sample(&result->groups[result->n_groups - 2], 0, here);
        bench_sample(&result->groups[result->n_groups - 2], 1, there);
        bench_sample(&result->groups[result->n_groups - 1], 0, there - here);
        bench_sample(&result->groups[result->n_groups - 1], 1, answer);
    }
    close(bare);
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
    bench_series_add(extra, "bare process");
    extra->is_comparable = false;
    snprintf(extra->note, sizeof extra->note,
             "a worker less the same compile in this process, round by round; a bare process works for as long and "
             "answers: what this machine takes to wake two processes");
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

/* What two processors bring is the machine's to say: beside workers, processes that only make LLVM's calls take turns,
 * one and two at once. Pairs of turns are short, so that what else the machine does falls on both of a pair. */
typedef struct throughput {
    bench_bytes bitcode;
    oj_workers *workers;
    oj_compiler *compilers[2];
    int to_bare[2], from_bare[2]; /* pipes: how many modules, and when they were done; 0 = they do not compile */
} throughput;

/* What a worker does with its heap, a bare compiler does too. */
static void serve_bare(const throughput *t, int requests, int answers)
{
    void *machine;
    uint32_t n;
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    bench_llvm_start();
    machine = bench_machine_create(0);
    while (machine && read(requests, &n, sizeof n) == (ssize_t)sizeof n) {
        bool ok = true;
        for (; ok && n > 0; n--)
            ok = bench_llvm_emit(machine, t->bitcode, true);
        double done = ok ? now_us() : 0;
        if (write(answers, &done, sizeof done) != (ssize_t)sizeof done)
            break;
    }
    _exit(0);
}

/* The child ends when its pipe does: with this process. */
static bool start_bare(throughput *t, uint32_t i)
{
    int requests[2], answers[2];
    pid_t child;
    if (pipe2(requests, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0 || (child = fork()) < 0)
        return bench_fail("no bare compiler");
    if (child == 0) {
        close(requests[1]);
        for (uint32_t other = 0; other < i; other++)
            close(t->to_bare[other]);
        serve_bare(t, requests[0], answers[1]);
    }
    close(requests[0]);
    close(answers[1]);
    t->to_bare[i] = requests[1];
    t->from_bare[i] = answers[0];
    return true;
}

/* Milliseconds for each module where n have compiled n_modules each: what both do in a millisecond is added up, so that
 * the one that ends last does not count as if the other had nothing more to do. Negative where one failed. */
static double time_of_each(const double *done, uint32_t n, uint32_t n_modules, double start)
{
    double rate = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (done[i] <= start)
            return -1;
        rate += n_modules / ((done[i] - start) / 1000);
    }
    return 1 / rate;
}

static double bare_turn(throughput *t, uint32_t n, uint32_t n_modules)
{
    double start = now_us(), done[2] = {0, 0};
    bool ok = true;
    for (uint32_t i = 0; i < n; i++)
        ok = write(t->to_bare[i], &n_modules, sizeof n_modules) == (ssize_t)sizeof n_modules && ok;
    for (uint32_t i = 0; ok && i < n; i++)
        ok = read(t->from_bare[i], &done[i], sizeof done[i]) == (ssize_t)sizeof done[i];
    return ok ? time_of_each(done, n, n_modules, start) : -1;
}

typedef struct client {
    oj_compiler *compiler;
    bench_bytes bitcode;
    uint32_t n_modules;
    double done;
    pthread_t thread;
} client;

static void *compile_modules(void *context)
{
    client *c = context;
    bool ok = true;
    for (uint32_t i = 0; ok && i < c->n_modules; i++)
        ok = time_compile(c->compiler, c->bitcode) >= 0;
    c->done = ok ? now_us() : 0;
    return NULL;
}

static double worker_turn(throughput *t, uint32_t n, uint32_t n_modules)
{
    client clients[2];
    double start = now_us(), done[2] = {0, 0};
    for (uint32_t i = 0; i < n; i++) {
        clients[i] = (client){.compiler = t->compilers[i], .bitcode = t->bitcode, .n_modules = n_modules};
        if (pthread_create(&clients[i].thread, NULL, compile_modules, &clients[i]) != 0)
            abort();
    }
    for (uint32_t i = 0; i < n; i++) {
        pthread_join(clients[i].thread, NULL);
        done[i] = clients[i].done;
    }
    return time_of_each(done, n, n_modules, start);
}

static bool start_throughput(throughput *t)
{
    for (uint32_t i = 0; i < 2; i++)
        if (!start_bare(t, i))
            return false;
    t->workers = create_workers(2);
    for (uint32_t i = 0; t->workers && i < 2; i++)
        t->compilers[i] = create_compiler(t->workers);
    if (!t->compilers[0] || !t->compilers[1])
        return false;
    /* All four have compiled the module once. */
    return (worker_turn(t, 2, 2) >= 0 && bare_turn(t, 2, 1) >= 0) || bench_fail("a module does not compile");
}

/* Every other round goes backwards. */
static bool throughput_round(throughput *t, uint32_t round, double took[4])
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t who = round % 2 ? 3 - i : i;
        took[who] = who < 2 ? worker_turn(t, who + 1, THROUGHPUT_MODULES) : bare_turn(t, who - 1, THROUGHPUT_BARE);
        if (took[who] < 0)
            return bench_fail("a module does not compile");
    }
    return true;
}

static bool throughput_run(bench_result *result, void *context)
{
    bench_group *times = &result->groups[result->n_groups - 2], *scaling = times + 1;
    throughput t = {.bitcode = ((const bench_inputs *)context)->lua.bitcode};
    bool ok = start_throughput(&t);
    for (uint32_t round = 0; ok && round < THROUGHPUT_ROUNDS; round++) {
        double took[4];
        ok = throughput_round(&t, round, took);
        for (uint32_t who = 0; ok && who < 4; who++)
            bench_sample(times, who, took[who]);
        bench_sample(scaling, 0, took[1] / took[0]);
        bench_sample(scaling, 1, took[3] / took[2]);
    }
    oj_compiler_destroy(t.compilers[0]);
    oj_compiler_destroy(t.compilers[1]);
    oj_workers_destroy(t.workers);
    return ok;
}

bool bench_worker_throughput(bench_result *result, const bench_inputs *inputs)
{
    bench_group *times = bench_group_add(result, "worker-throughput", "lua -O0", "ms");
    bench_group *scaling = bench_group_add(result, "worker-scaling", "lua -O0", "of one's");
    snprintf(
        times->note, sizeof times->note,
        "each of %u modules by two threads and workers, and of half as many by one, in turns of %u; bare compilers "
        "only make LLVM's calls, and are what this machine has to give",
        2 * THROUGHPUT_MODULES * THROUGHPUT_ROUNDS, THROUGHPUT_MODULES);
    bench_series_add(times, "one worker");
    bench_series_add(times, "two workers");
    bench_series_add(times, "one bare compiler");
    bench_series_add(times, "two bare compilers");
    snprintf(scaling->note, sizeof scaling->note,
             "the time of a module with two as a part of that with one, pair by "
             "pair of turns: half would be twice the throughput");
    bench_series_add(scaling, "two workers");
    bench_series_add(scaling, "two bare compilers");
    return bench_isolated(throughput_run, result, (void *)(uintptr_t)inputs);
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
