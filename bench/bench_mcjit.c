/* libownjit-mcjit against LLVM's own MCJIT: the same program, the same options, the same libLLVM, from the creation of
 * an engine to the address of a function. The IR is there already. */
#include "bench.h"

#include <ownjit/ownjit.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_RUNS 600u
#define LARGE_RUNS 15u

#define KEPT_ENGINES 1100u
#define KEPT_WARM_UP 100u

enum { DROP_IN, STOCK, SUBJECTS };

static const char *const subject_names[SUBJECTS] = {"ownjit drop-in", "mcjit"};

typedef struct state {
    const bench_input *input;
    unsigned level; /* 0 to 3 */
    uint32_t runs;
    bench_mcjit anchor; /* an engine of the drop-in's that stays, and with it the slab that small code lies in */
} state;

/* --- time --------------------------------------------------------------------------------------------------------- */

static bool sample(const state *s, uint32_t who, bool check, double *took)
{
    bench_mcjit jit;
    if (!bench_mcjit_parse(&jit, s->input->bitcode, who == DROP_IN))
        return bench_fail("the bitcode of %s cannot be read", s->input->name);
    uint64_t start = bench_now();
    void *address = bench_mcjit_open(&jit, s->level, s->input->entry);
    *took = bench_elapsed(start);
    bool ok = BENCH_CHECK(address != NULL) && (!check || s->input->check(bench_mcjit_lookup, &jit));
    bench_mcjit_destroy(&jit);
    return ok;
}

/* Who goes first changes from round to round: the second finds the caches warmer. */
static bool take_turns(const state *s, uint32_t run, bool check, double took[SUBJECTS])
{
    uint32_t first = run % 2;
    return sample(s, first, check, &took[first]) && sample(s, 1 - first, check, &took[1 - first]);
}

static bool small_run(bench_result *result, void *context)
{
    state *s = context;
    bench_group *group = &result->groups[result->n_groups - 2];
    double took[SUBJECTS];
    bench_llvm_start();
    bool ok = bench_drop_in_load() && bench_mcjit_parse(&s->anchor, s->input->bitcode, true) &&
              bench_mcjit_open(&s->anchor, s->level, s->input->entry);
    for (uint32_t run = 0; ok && run < s->runs; run++) {
        ok = take_turns(s, run, run == 0 || run == s->runs - 1, took);
        /* The first rounds read pages of libLLVM in and warm its heap. */
        if (!ok || run < s->runs / 20 + 1)
            continue;
        for (uint32_t who = 0; who < SUBJECTS; who++)
            bench_sample(group, who, took[who]);
        bench_sample(group + 1, 0, took[DROP_IN] - took[STOCK]);
    }
    return ok;
}

static void add_groups(bench_result *result, const char *name, const char *input, const char *unit)
{
    char extra[40];
    bench_group *group = bench_group_add(result, name, input, unit);
    snprintf(group->note, sizeof group->note,
             "from the creation of an engine to a function's address, for IR in memory");
    for (uint32_t who = 0; who < SUBJECTS; who++)
        bench_series_add(group, subject_names[who]);
    snprintf(extra, sizeof extra, "%s-extra", name);
    group = bench_group_add(result, extra, input, unit);
    group->is_comparable = false;
    bench_series_add(group, subject_names[DROP_IN]);
}

bool bench_mcjit_small(bench_result *result, const bench_inputs *inputs)
{
    state s = {.input = &inputs->add, .level = 0, .runs = SMALL_RUNS};
    add_groups(result, "mcjit-small", "add -O0", "us");
    bench_group *group = &result->groups[result->n_groups - 1];
    snprintf(group->note, sizeof group->note, "what the drop-in takes beyond MCJIT, round by round");
    return bench_isolated(small_run, result, &s);
}

/* Linking the same program's object: RuntimeDyld, which MCJIT links with, and OwnJIT as the drop-in links. */
static bool time_links(const bench_input *input, bench_lljit *jit, double *saved)
{
    oj_code *code = NULL;
    uint64_t start = bench_now();
    bool ok = bench_link_object(NULL, input->object, OJ_LINK_KEEP_LOCAL_SYMBOLS, input->entry, &code) != NULL;
    double ours = bench_elapsed(start);
    oj_code_destroy(code);
    bench_prepared prepared = bench_lljit_prepare(jit, input->object);
    start = bench_now();
    ok = ok && BENCH_CHECK(bench_lljit_link(jit, &prepared, input->entry) != NULL);
    *saved = bench_elapsed(start) - ours;
    bench_lljit_remove(&prepared);
    return ok;
}

static bool large_run(bench_result *result, void *context)
{
    state *s = context;
    bench_group *group = &result->groups[result->n_groups - 2];
    double took[SUBJECTS], saved;
    bench_llvm_start();
    bool ok = bench_drop_in_load();
    bench_lljit *jit = bench_lljit_create(BENCH_RUNTIMEDYLD, s->level);
    for (uint32_t run = 0; ok && run <= s->runs; run++) {
        ok = take_turns(s, run, true, took) && time_links(s->input, jit, &saved);
        if (!ok || run == 0)
            continue;
        for (uint32_t who = 0; who < SUBJECTS; who++)
            bench_sample(group, who, took[who] / 1000);
        bench_sample(group + 1, 0, (took[DROP_IN] - took[STOCK] + saved) / 1000);
        bench_sample(group + 1, 1, saved / 1000);
    }
    bench_lljit_destroy(jit);
    return ok;
}

bool bench_mcjit_large(bench_result *result, const bench_inputs *inputs)
{
    state s = {.input = &inputs->lua, .level = 0, .runs = LARGE_RUNS};
    add_groups(result, "mcjit-large", "lua -O0", "ms");
    bench_group *group = &result->groups[result->n_groups - 1];
    snprintf(group->note, sizeof group->note,
             "what the drop-in takes beyond MCJIT less what linking saves, round by round; and what linking saves: "
             "RuntimeDyld's time for the object of this program less ours");
    bench_series_add(group, "saved by linking");
    return bench_isolated(large_run, result, &s);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

enum { KEPT_DROP_IN, KEPT_LINKED, KEPT_SUBJECTS };

typedef struct kept {
    const bench_inputs *inputs;
    uint32_t who;
    uint32_t from, to;
    bool ok;
} kept;

static bool keep_engine(const bench_input *input, uint32_t index)
{
    const char *entry = bench_add_rename(input->bitcode, index);
    bench_mcjit jit;
    oj_code *code = NULL;
    if (!bench_mcjit_parse(&jit, input->bitcode, true))
        return bench_fail("the bitcode of add cannot be read");
    void *address = bench_mcjit_open(&jit, 0, entry);
    bool ok = BENCH_CHECK(address != NULL) && BENCH_CHECK(bench_mcjit_take(&jit, &code));
    bench_mcjit_destroy(&jit);
    return ok && bench_check_add(address);
}

static bool keep_code(const bench_input *input, uint32_t index)
{
    const char *entry = bench_add_rename(input->object, index);
    oj_code *code;
    void *address = bench_link_object(NULL, input->object, OJ_LINK_KEEP_LOCAL_SYMBOLS, entry, &code);
    return address && bench_check_add(address);
}

static void *keep(void *context)
{
    kept *k = context;
    for (uint32_t i = k->from; k->ok && i < k->to; i++)
        k->ok = k->who == KEPT_LINKED ? keep_code(&k->inputs->add, i) : keep_engine(&k->inputs->add, i);
    return NULL;
}

/* In a thread, whose end empties malloc's cache of its own. */
static bool run_thread(kept *k)
{
    pthread_t thread;
    k->ok = true;
    return BENCH_CHECK(pthread_create(&thread, NULL, keep, k) == 0) && BENCH_CHECK(pthread_join(thread, NULL) == 0) &&
           k->ok;
}

static bool kept_run(bench_result *result, void *context)
{
    kept *k = context;
    bench_llvm_start();
    k->to = KEPT_WARM_UP;
    if (!bench_drop_in_load() || !run_thread(k))
        return false;
    bench_memory before = bench_memory_now();
    k->from = KEPT_WARM_UP;
    k->to = KEPT_ENGINES;
    if (!run_thread(k))
        return false;
    bench_memory after = bench_memory_now();
    bench_sample(&result->groups[result->n_groups - 1], k->who,
                 (after.heap - before.heap) / (KEPT_ENGINES - KEPT_WARM_UP));
    return true;
}

bool bench_mcjit_kept(bench_result *result, const bench_inputs *inputs)
{
    bench_group *group = bench_group_add(result, "mcjit-kept", "add -O0", "bytes");
    bool ok = true;
    snprintf(
        group->note, sizeof group->note,
        "heap for each engine of the drop-in that was disposed of, its code having been taken out; and for the same "
        "object linked by oj_link_bytes(), which is the code alone");
    bench_series_add(group, "ownjit drop-in");
    bench_series_add(group, "linked alone");
    for (uint32_t who = 0; ok && who < KEPT_SUBJECTS; who++) {
        kept k = {.inputs = inputs, .who = who};
        ok = bench_isolated(kept_run, result, &k);
    }
    return ok;
}
