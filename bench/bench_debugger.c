/* 10,000 codes that debuggers are told of: whether the last ones cost more than the first. */
#include "bench.h"

#include <ownjit/ownjit.h>
#include <stdio.h>

enum { CODES = 10000, SHARE = 1000, RUNS = 5 };
enum { UNTOLD, TOLD, SUBJECTS };
enum { FIRST, LAST, DESTROY, GROUPS };

typedef struct telling {
    const bench_input *input;
    uint32_t who;
} telling;

static bool link_share(const telling *t, oj_code **codes, uint32_t from, uint32_t to, double *each)
{
    uint32_t flags = t->who == TOLD ? OJ_LINK_DEBUGGER : OJ_LINK_PRIVATE_MEMORY;
    uint64_t start = bench_now();
    for (uint32_t i = from; i < to; i++)
        if (!bench_check_add(bench_link_object(NULL, t->input->object, flags, t->input->entry, &codes[i])))
            return bench_fail("code %u does not work", i);
    *each = bench_elapsed(start) / (to - from);
    return true;
}

static bool tell_run(bench_result *result, void *context)
{
    static oj_code *codes[CODES];
    const telling *t = context;
    double first = 0, middle = 0, last = 0;
    if (!link_share(t, codes, 0, SHARE, &first) || !link_share(t, codes, SHARE, CODES - SHARE, &middle) ||
        !link_share(t, codes, CODES - SHARE, CODES, &last))
        return false;
    bench_sample(&result->groups[FIRST], t->who, first);
    bench_sample(&result->groups[LAST], t->who, last);
    uint64_t start = bench_now();
    for (uint32_t i = 0; i < CODES; i++)
        oj_code_destroy(codes[i]);
    bench_sample(&result->groups[DESTROY], t->who, bench_elapsed(start) / CODES);
    return true;
}

bool bench_debugger(bench_result *result, const bench_inputs *inputs)
{
    static const char *const names[GROUPS] = {"debugger-first", "debugger-last", "debugger-destroy"};
    static const char *const notes[GROUPS] = {
        "a link of one of the first 1,000 codes, with OJ_LINK_DEBUGGER and without; no debugger is attached",
        "a link of one of the last 1,000 of 10,000: no dearer than the first, or telling were not linear",
        "the destruction of one, in the order of linking"};
    static const char *const subjects[SUBJECTS] = {"ownjit private", "ownjit debugger"};
    bool ok = true;
    for (size_t g = 0; g < GROUPS; g++) {
        bench_group *group = bench_group_add(result, names[g], "add", "us");
        snprintf(group->note, sizeof group->note, "%s", notes[g]);
        for (size_t who = 0; who < SUBJECTS; who++)
            bench_series_add(group, subjects[who]);
    }
    for (uint32_t run = 0; ok && run < RUNS; run++)
        for (uint32_t who = 0; ok && who < SUBJECTS; who++) {
            telling t = {.input = &inputs->add, .who = who};
            ok = bench_isolated(tell_run, result, &t);
        }
    return ok;
}
