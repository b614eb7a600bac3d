/* Samples to a table, to ratios, to records, and to a comparison with what is to be reached. */
#include "bench.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bench_group *bench_group_add(bench_result *result, const char *name, const char *input, const char *unit)
{
    if (result->n_groups == BENCH_MAX_GROUPS)
        abort();
    bench_group *group = &result->groups[result->n_groups++];
    snprintf(group->name, sizeof group->name, "%s", name);
    snprintf(group->input, sizeof group->input, "%s", input);
    snprintf(group->unit, sizeof group->unit, "%s", unit);
    group->is_comparable = true;
    return group;
}

uint32_t bench_series_add(bench_group *group, const char *subject)
{
    if (group->n_series == BENCH_MAX_SERIES)
        abort();
    bench_series *series = &group->series[group->n_series];
    snprintf(series->subject, sizeof series->subject, "%s", subject);
    return group->n_series++;
}

void bench_sample(bench_group *group, uint32_t series, double value)
{
    bench_series *s = &group->series[series];
    if (s->n < BENCH_MAX_SAMPLES)
        s->values[s->n++] = value;
}

/* --- statistics --------------------------------------------------------------------------------------------------- */

typedef struct summary {
    double min, median, max;
} summary;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static summary summarize(const bench_series *series)
{
    static double sorted[BENCH_MAX_SAMPLES];
    uint32_t n = series->n;
    memcpy(sorted, series->values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    return (summary){.min = sorted[0],
                     .median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2,
                     .max = sorted[n - 1]};
}

/* How many times less than the peer; false where the question has no answer (nothing, or less than nothing). */
static bool ratio(const bench_group *group, const bench_series *series, const bench_series *peer, double *out)
{
    if (!group->is_comparable || series == peer || !series->n || !peer->n)
        return false;
    double own = summarize(series).median, other = summarize(peer).median;
    if (own <= 0 || other <= 0)
        return false;
    *out = other / own;
    return true;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

struct bench_report {
    json_t *records;
    uint32_t llvm_major;
};

bench_report *bench_report_create(uint32_t llvm_major)
{
    bench_report *report = calloc(1, sizeof *report);
    if (report)
        report->records = json_array();
    if (report)
        report->llvm_major = llvm_major;
    return report;
}

void bench_report_destroy(bench_report *report)
{
    if (report)
        json_decref(report->records);
    free(report);
}

bool bench_report_write(const bench_report *report, const char *path)
{
    if (json_dump_file(report->records, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0)
        return bench_fail("cannot write %s", path);
    return true;
}

static json_t *record_of(const bench_report *report, const bench_group *group, const bench_series *series)
{
    summary s = summarize(series);
    double times;
    json_t *ratios = json_object();
    for (uint32_t i = 0; i < group->n_series; i++)
        if (ratio(group, series, &group->series[i], &times))
            json_object_set_new(ratios, group->series[i].subject, json_real(times));
    return json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:i, s:o, s:i}", "name", group->name, "input", group->input,
                     "subject", series->subject, "unit", group->unit, "min", s.min, "median", s.median, "max", s.max,
                     "runs", (int)series->n, "ratio", ratios, "llvm", (int)report->llvm_major);
}

/* --- table -------------------------------------------------------------------------------------------------------- */

static int decimals(double value)
{
    double size = value < 0 ? -value : value;
    return size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
}

static void print_number(double value) { printf(" %10.*f", decimals(value), value); }

/* Ratios of one row, to the subjects that are not ours: those are what a reader compares with. */
static void print_ratios(const bench_group *group, const bench_series *series)
{
    double times;
    const char *separator = "   ";
    for (uint32_t i = 0; i < group->n_series; i++) {
        const bench_series *peer = &group->series[i];
        if (strncmp(series->subject, "ownjit", 6) != 0 || strncmp(peer->subject, "ownjit", 6) == 0 ||
            !ratio(group, series, peer, &times))
            continue;
        printf("%s%s %.*fx", separator, peer->subject, times >= 100 ? 0 : times >= 10 ? 1 : 2, times);
        separator = ", ";
    }
}

void bench_report_group(bench_report *report, const bench_group *group)
{
    printf("\n%s, %s (%s)\n  %-26s %10s %10s %10s %6s   %s\n", group->name, group->input, group->unit, "subject", "min",
           "median", "max", "runs", group->is_comparable ? "less than the peer by" : "");
    for (uint32_t i = 0; i < group->n_series; i++) {
        const bench_series *series = &group->series[i];
        if (!series->n)
            continue;
        summary s = summarize(series);
        printf("  %-26s", series->subject);
        print_number(s.min);
        print_number(s.median);
        print_number(s.max);
        printf(" %6u", series->n);
        print_ratios(group, series);
        putchar('\n');
        json_array_append_new(report->records, record_of(report, group, series));
    }
    if (group->note[0])
        printf("  (%s)\n", group->note);
}

/* --- what is to be reached ---------------------------------------------------------------------------------------- */

/* DESIGN.md, section 7. With a peer: at least `limit` times less than it. Without: the median is at most `limit`.
 * beside: an input whose ratio is told too, because the peer does more than we do on this one. */
typedef struct goal {
    const char *name, *input, *subject, *peer;
    double limit;
    const char *beside;
} goal;

/* Registering unwind tables is in the peers' figures and not in ours. */
#define PLAIN "sqlite-nounwind"

static const goal goals[] = {
    {"link-fresh", "sqlite", "ownjit private", "jitlink", 10, PLAIN},
    {"link-fresh", "sqlite", "ownjit private", "runtimedyld", 20, PLAIN},
    {"link-fresh", "sqlite", "ownjit private", "floor private", 0.5, NULL},
    {"link-fresh", "sqlite", "ownjit views", "jitlink", 6, PLAIN},
    {"link-fresh", "sqlite", "ownjit views", "runtimedyld", 12, PLAIN},
    {"link-fresh", "sqlite", "ownjit views", "floor views", 0.5, NULL},
    {"link-small", "add", "ownjit views", NULL, 2, NULL},
    {"link-small", "add", "ownjit views", "runtimedyld", 10, NULL},
    {"link-small", "add", "ownjit private", "runtimedyld", 10, NULL},
    {"compile-small-extra", "add -O0", "ownjit kept compiler", NULL, 10, NULL},
    {"compile-small-extra", "add -O0", "ownjit new compiler", NULL, 10, NULL},
    {"mcjit-small-extra", "add -O0", "ownjit drop-in", NULL, 0, NULL},
    {"mcjit-large-extra", "lua -O0", "ownjit drop-in", NULL, 0, NULL},
    {"mcjit-kept", "add -O0", "ownjit drop-in", "linked alone", 0.99, NULL},
    {"worker-small-extra", "add -O0", "warm worker", NULL, 150, NULL},
    {"worker-resident", "sqlite -O0", "peak while compiling", NULL, 2 << 20, NULL},
    {"worker-resident", "sqlite -O0", "after compiling", NULL, 2 << 20, NULL},
    {"worker-throughput", "lua -O0", "two workers", "one worker", 1.8, NULL},
    {"worker-scaling", "lua -O0", "two workers", "two bare compilers", 0.95, NULL},
    {"worker-recovery", "add -O0", "worker killed", NULL, 50, NULL},
    {"worker-recovery", "add -O0", "keeper killed", NULL, 50, NULL},
    {"kept-beyond", "add", "ownjit views", NULL, 256, NULL},
    {"kept-beyond", "add", "ownjit views no-symbols", NULL, 256, NULL},
    {"kept-beyond", "add", "ownjit private", NULL, 256, NULL},
    {"kept-beyond", "add", "ownjit private no-symbols", NULL, 256, NULL},
    {"heap-growth", "add -O0", "ownjit", NULL, 1024, NULL},
    {"live-100k-beyond", "add", "ownjit views", NULL, 256, NULL},
    {"live-100k-beyond", "add", "ownjit private", NULL, 256, NULL},
    {"live-100k-mappings", "add", "ownjit views", NULL, 64, NULL},
    {"live-100k-mappings", "add", "ownjit private", NULL, 64, NULL},
    {"relocations", "100,000", "i386", "x86-64", 0.5, NULL},
    {"relocations", "100,000", "aarch64", "x86-64", 0.5, NULL},
    {"relocations", "100,000", "arm", "x86-64", 0.5, NULL},
    {"relocations", "100,000", "thumb", "x86-64", 0.5, NULL},
    {"relocations", "100,000", "riscv64", "x86-64", 0.5, NULL},
    {"relocations", "100,000", "riscv32", "x86-64", 0.5, NULL},
    {"relocations", "100,000", "s390x", "x86-64", 0.5, NULL},
    {"relocations-write", "100,000", "i386", "x86-64", 0.5, NULL},
    {"relocations-write", "100,000", "aarch64", "x86-64", 0.5, NULL},
    {"relocations-write", "100,000", "arm", "x86-64", 0.5, NULL},
    {"relocations-write", "100,000", "thumb", "x86-64", 0.5, NULL},
    {"relocations-write", "100,000", "riscv64", "x86-64", 0.5, NULL},
    {"relocations-write", "100,000", "riscv32", "x86-64", 0.5, NULL},
    {"relocations-write", "100,000", "s390x", "x86-64", 0.5, NULL},
    {"place-publish", "add", "ownjit views fresh", NULL, 2, NULL},
    {"place-publish", "add", "ownjit views reused", NULL, 2, NULL},
    {"system-calls", "add", "ownjit views fresh", NULL, 0.01, NULL},
    {"system-calls-batch", "add", "ownjit views", NULL, 1, NULL},
    {"random-steps-mappings", "add of 8 sizes", "ownjit views", NULL, 0, NULL},
    {"random-steps-mapped", "add of 8 sizes", "ownjit views", NULL, 65536, NULL},
    {"random-steps-heap", "add of 8 sizes", "ownjit views", NULL, 1024, NULL},
    {"random-steps-resident", "add of 8 sizes", "ownjit views", NULL, 262144, NULL},
    {"random-steps-mappings", "add of 8 sizes", "ownjit private", NULL, 0, NULL},
    {"random-steps-mapped", "add of 8 sizes", "ownjit private", NULL, 65536, NULL},
    {"random-steps-heap", "add of 8 sizes", "ownjit private", NULL, 1024, NULL},
    {"random-steps-resident", "add of 8 sizes", "ownjit private", NULL, 262144, NULL},
    {"unwind-40k", "pass", "ownjit", NULL, 50, NULL},
    {"unwind-40k", "pass", "ownjit from bytes", NULL, 50, NULL},
    {"unwind-40k", "pass", "ownjit no-unwind", "no tables in object", 0.95, NULL},
    {"unwind-40k-tables", "pass", "ownjit", NULL, 50, NULL},
    {"unwind-throw-elsewhere", "pass", "ownjit 40,000 linked", "nothing linked", 0.9, NULL},
    {"unwind-throw-elsewhere", "pass", "ownjit 40,000 linked", "a table of one function", 0.95, NULL},
    {"unwind-throw-after-link", "pass", "ownjit", NULL, 50, NULL},
    {"unwind-beyond", "pass", "ownjit", NULL, 256, NULL},
    {"unwind-remove", "pass", "ownjit of 400,000", "2,000 of 2,000", 0.9, NULL},
    {"aarch64-200mb", "functions of 20 KiB", "ownjit 10,000 in 200 MB", "5,000 in 100 MB", 0.8, NULL},
    {"aarch64-200mb-plan", "functions of 20 KiB", "20,000 in 400 MB", "ownjit 10,000 in 200 MB", 0.8, NULL},
    {"aarch64-200mb-write", "functions of 20 KiB", "ownjit", "memcpy", 0.7, NULL},
    {"aarch64-200mb-veneers", "functions of 20 KiB", "ownjit veneers", "callees out of reach", 0.8, NULL},
    {"packed-calls", "add x 10,000", "ownjit views packed", "a page apart views", 1.5, NULL},
    {"packed-calls", "add x 10,000", "ownjit private packed", "a page apart private", 1.5, NULL},
};

static const json_t *find_record(const bench_report *report, const goal *g, const char *input)
{
    for (size_t i = 0; i < json_array_size(report->records); i++) {
        const json_t *record = json_array_get(report->records, i);
        if (strcmp(json_string_value(json_object_get(record, "name")), g->name) == 0 &&
            strcmp(json_string_value(json_object_get(record, "input")), input) == 0 &&
            strcmp(json_string_value(json_object_get(record, "subject")), g->subject) == 0)
            return record;
    }
    return NULL;
}

/* 0 where there is no such ratio. */
static double ratio_of(const json_t *record, const char *peer)
{
    return json_real_value(json_object_get(json_object_get(record, "ratio"), peer));
}

static void print_goal(const bench_report *report, const goal *g, const json_t *record)
{
    double median = json_real_value(json_object_get(record, "median"));
    double times = g->peer ? ratio_of(record, g->peer) : 0;
    bool met = g->peer ? times >= g->limit : median <= g->limit;
    const json_t *beside = g->beside ? find_record(report, g, g->beside) : NULL;
    printf("  %-8s %-21s %-14s %-26s ", met ? "reached" : "MISSED", g->name, g->input, g->subject);
    if (g->peer)
        printf("%.2fx less than %s, wanted %gx", times, g->peer, g->limit);
    else
        printf("%.*f %s, wanted at most %g", decimals(median), median,
               json_string_value(json_object_get(record, "unit")), g->limit);
    if (beside)
        printf(" (%s: %.2fx)", g->beside, ratio_of(beside, g->peer));
    putchar('\n');
}

void bench_report_reach(const bench_report *report)
{
    bool has_title = false;
    for (size_t i = 0; i < sizeof goals / sizeof *goals; i++) {
        const json_t *record = find_record(report, &goals[i], goals[i].input);
        if (!record)
            continue;
        if (!has_title)
            printf("\nto be reached\n");
        has_title = true;
        print_goal(report, &goals[i], record);
    }
}
