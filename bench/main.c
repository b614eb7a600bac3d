/* ownjit-bench: the banner, the options, and which measurements run. */
#include "bench.h"

#include <getopt.h>
#include <ownjit/ownjit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

typedef struct measurement {
    const char *name;
    bool (*run)(bench_result *result, const bench_inputs *inputs);
} measurement;

static const measurement measurements[] = {
    {"link-fresh", bench_link_fresh},
    {"link-warm", bench_link_warm},
    {"link-phases", bench_link_phases},
    {"link-small", bench_link_small},
    {"aarch64-200mb", bench_far},
    {"relocations", bench_relocations},
    {"place-publish", bench_place},
    {"system-calls", bench_system_calls},
    {"patch", bench_patch},
    {"packed-calls", bench_packed},
    {"random-steps", bench_steps},
    {"live-100k", bench_live},
    {"debugger-10k", bench_debugger},
    {"unwind-40k", bench_unwind},
    {"unwind-remove", bench_unwind_remove},
    {"kept", bench_kept},
    {"heap-growth", bench_heap},
    {"compile-small", bench_compile_small},
    {"compile-large", bench_compile_large},
    {"mcjit-small", bench_mcjit_small},
    {"mcjit-large", bench_mcjit_large},
    {"mcjit-kept", bench_mcjit_kept},
    {"worker-small", bench_worker_small},
    {"worker-resident", bench_worker_resident},
    {"worker-throughput", bench_worker_throughput},
    {"worker-recovery", bench_worker_recovery},
};

typedef struct options {
    const char *inputs, *json, *expected, *only;
    bool record, cpu_clock;
} options;

static const char usage[] =
    "usage: ownjit-bench --inputs DIR [--only NAME[,NAME...]] [--json FILE] [--expected FILE [--record]]\n"
    "                    [--clock wall|cpu] [--list]\n";

_Noreturn static void list_and_exit(void)
{
    for (size_t i = 0; i < sizeof measurements / sizeof *measurements; i++)
        puts(measurements[i].name);
    puts("sizes");
    exit(0);
}

static bool parse_options(int argc, char **argv, options *o)
{
    static const struct option known[] = {
        {"inputs", required_argument, NULL, 'i'},   {"only", required_argument, NULL, 'o'},
        {"json", required_argument, NULL, 'j'},     {"clock", required_argument, NULL, 'c'},
        {"expected", required_argument, NULL, 'e'}, {"record", no_argument, NULL, 'r'},
        {"list", no_argument, NULL, 'l'},           {NULL, 0, NULL, 0}};
    const char *clock = "wall";
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'i':
            o->inputs = optarg;
            break;
        case 'o':
            o->only = optarg;
            break;
        case 'j':
            o->json = optarg;
            break;
        case 'c':
            clock = optarg;
            break;
        case 'e':
            o->expected = optarg;
            break;
        case 'r':
            o->record = true;
            break;
        case 'l':
            list_and_exit();
        default:
            return false;
        }
    }
    o->cpu_clock = strcmp(clock, "cpu") == 0;
    return o->inputs && optind == argc && (o->cpu_clock || strcmp(clock, "wall") == 0);
}

static bool is_known(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof measurements / sizeof *measurements; i++)
        if (strlen(measurements[i].name) == length && strncmp(measurements[i].name, name, length) == 0)
            return true;
    return length == 5 && strncmp(name, "sizes", length) == 0;
}

/* Walks the comma-separated list: *list moves on, the name's length is returned, 0 at the end. */
static size_t next_name(const char **list)
{
    *list += strspn(*list, ", ");
    return strcspn(*list, ", ");
}

static bool check_names(const char *list)
{
    size_t length;
    for (const char *name = list; name && (length = next_name(&name)) > 0; name += length)
        if (!is_known(name, length))
            return bench_fail("no measurement '%.*s'; --list tells their names", (int)length, name);
    return true;
}

static bool is_chosen(const char *list, const char *wanted)
{
    size_t length;
    const char *name = list;
    if (!list || next_name(&name) == 0)
        return true;
    for (; (length = next_name(&name)) > 0; name += length)
        if (strlen(wanted) == length && strncmp(name, wanted, length) == 0)
            return true;
    return false;
}

static void print_cpu(void)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');
        if (value && strncmp(line, "model name", 10) == 0) {
            printf("cpu       %ld x%s", sysconf(_SC_NPROCESSORS_ONLN), value + 1);
            break;
        }
    }
    if (file)
        fclose(file);
}

/* Whatever else runs makes all figures worse, and those of slow subjects most. */
static void print_load(bool is_cpu_clock)
{
    double load = 0;
    getloadavg(&load, 1);
    printf("load      %.2f at the start%s\nclock     %s\n", load,
           load > 0.6 ? "  *** other programs are running: --clock cpu (BENCH_CLOCK=cpu) is fairer ***" : "",
           is_cpu_clock ? "processor time of the measuring thread" : "wall");
}

static void print_banner(const bench_inputs *inputs, bool is_cpu_clock)
{
    struct utsname system;
    char version[32];
    uint32_t own = oj_version();
    bench_llvm_version(version, sizeof version);
    printf("ownjit    %u.%u.%u, built by %s%s\n", own / 10000, own / 100 % 100, own % 100, __VERSION__,
#ifdef __OPTIMIZE__
           ""
#else
           ", NOT OPTIMISED: these figures mean nothing"
#endif
    );
    printf("llvm      %s, one libLLVM for all subjects\n", version);
    printf("inputs    clang %s -O2 -fPIC: add %zu, lua %zu, sqlite %zu bytes\n", inputs->compiler,
           inputs->add.object.size, inputs->lua.object.size, inputs->sqlite.object.size);
    print_cpu();
    if (uname(&system) == 0)
        printf("system    %s %s, pages of %ld bytes\n", system.sysname, system.release, sysconf(_SC_PAGESIZE));
    print_load(is_cpu_clock);
    puts("\nLess is better everywhere. min, median, max are over all runs; \"less than the peer by\" divides medians "
         "of\n"
         "this run. Subjects take turns within a measurement; each measurement is a process of its own. \"fresh\": "
         "memory\n"
         "or addresses never used before; \"reused\": of code that was destroyed; \"each\": every module has an "
         "engine of its\n"
         "own; \"beyond\": less what the code itself takes. docs/benchmarks.md explains every measurement.");
}

static bool run_one(const measurement *m, const bench_inputs *inputs, bench_report *report)
{
    bench_result *result = bench_shared_create(sizeof *result);
    if (!result)
        return bench_fail("out of memory");
    bool ok = m->run(result, inputs) || bench_fail("%s failed", m->name);
    for (uint32_t i = 0; i < result->n_groups; i++)
        bench_report_group(report, &result->groups[i]);
    fflush(stdout);
    bench_shared_destroy(result, sizeof *result);
    return ok;
}

int main(int argc, char **argv)
{
    options o = {0};
    bench_inputs inputs;
    if (!parse_options(argc, argv, &o)) {
        fputs(usage, stderr);
        return 2;
    }
    if (!check_names(o.only) || !bench_inputs_load(&inputs, o.inputs))
        return 2;
    bench_report *report = bench_report_create(bench_llvm_major());
    bool ok = report != NULL;
    if (o.cpu_clock)
        bench_use_cpu_clock();
    print_banner(&inputs, o.cpu_clock);
    for (size_t i = 0; report && i < sizeof measurements / sizeof *measurements; i++)
        if (is_chosen(o.only, measurements[i].name))
            ok = run_one(&measurements[i], &inputs, report) && ok;
    if (o.expected && is_chosen(o.only, "sizes"))
        ok = bench_sizes(&inputs, o.expected, o.record) && ok;
    if (report) {
        bench_report_reach(report);
        ok = (!o.json || bench_report_write(report, o.json)) && ok;
    }
    bench_report_destroy(report);
    bench_inputs_free(&inputs);
    return ok ? 0 : 1;
}
