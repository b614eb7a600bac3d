/* What a small link asks of memory: the time to place and publish it, and the system calls it makes. */
#include "bench.h"

#include <malloc.h>
#include <ownjit/ownjit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VIEWS_FRESH,
    VIEWS_REUSED,
    PRIVATE_FRESH,
    PRIVATE_REUSED,
    OUR_SUBJECTS,
    RUNTIMEDYLD = OUR_SUBJECTS,
    JITLINK,
    SUBJECTS
};

static const char *const subject_names[SUBJECTS] = {"ownjit views fresh",   "ownjit views reused",
                                                    "ownjit private fresh", "ownjit private reused",
                                                    "runtimedyld",          "jitlink"};

static uint32_t mode_of(uint32_t who) { return who <= VIEWS_REUSED ? OJ_MEMORY_MODE_VIEWS : OJ_MEMORY_MODE_PRIVATE; }
static bool is_reused(uint32_t who) { return who == VIEWS_REUSED || who == PRIVATE_REUSED; }

/* --- place and publish -------------------------------------------------------------------------------------------- */

#define PLACE_RUNS 61u
#define PLACE_BLOCK 128u
#define PLACE_CODES (PLACE_RUNS * PLACE_BLOCK)
#define REUSE_LIVE 1024u /* two batches of addresses to be used again */

typedef struct placing {
    const bench_input *input;
    oj_object *object;
    oj_memory *memory[OUR_SUBJECTS];
    oj_plan *plans[OUR_SUBJECTS];
    oj_link_stats stats[OUR_SUBJECTS];
    oj_code *codes[OUR_SUBJECTS][PLACE_CODES];
    uint32_t n_codes[OUR_SUBJECTS];
} placing;

static bool place_prepare(placing *p)
{
    oj_object_options object_options;
    oj_link_options options;
    oj_error error;
    oj_object_options_init(&object_options);
    object_options.flags = OJ_OBJECT_BORROW;
    if (oj_object_create(&p->object, p->input->object.data, p->input->object.size, &object_options, &error) != OJ_OK)
        return bench_fail("oj_object_create: %s", error.text);
    const oj_object *objects[] = {p->object};
    oj_link_options_init(&options);
    for (uint32_t who = 0; who < OUR_SUBJECTS; who++) {
        options.memory = p->memory[who] = bench_provider_create(mode_of(who));
        options.stats = &p->stats[who];
        options.stats_size = sizeof p->stats[who];
        if (!p->memory[who])
            return false;
        if (oj_plan_create(&p->plans[who], objects, 1, &options, &error) != OJ_OK)
            return bench_fail("oj_plan_create: %s", error.text);
    }
    return true;
}

/* One more link of what is planned; *took is microseconds of place and publish. */
static bool place_one(placing *p, uint32_t who, double *took)
{
    oj_error error;
    oj_code **code = &p->codes[who][p->n_codes[who]];
    if (oj_plan_link(p->plans[who], code, &error) != OJ_OK)
        return bench_fail("oj_plan_link: %s", error.text);
    p->n_codes[who]++;
    *took = (double)(p->stats[who].place_ns + p->stats[who].publish_ns) / 1000.0;
    return bench_check_add(oj_code_lookup(*code, p->input->entry));
}

/* The mean of a block: what comes once in many links (a page fault, one call to synchronise a batch) counts. */
static bool place_block(placing *p, uint32_t who, double *mean)
{
    double took, total = 0;
    if (is_reused(who) && p->n_codes[who] >= REUSE_LIVE)
        for (uint32_t i = 0; i < PLACE_BLOCK; i++)
            oj_code_destroy(p->codes[who][--p->n_codes[who]]);
    for (uint32_t i = 0; i < PLACE_BLOCK; i++) {
        if (!place_one(p, who, &took))
            return false;
        total += took;
    }
    *mean = total / PLACE_BLOCK;
    return true;
}

static bool place_run(bench_result *result, void *context)
{
    placing *p = context;
    bench_group *group = &result->groups[result->n_groups - 1];
    double mean;
    bool ok = place_prepare(p);
    for (uint32_t who = 0; ok && who < OUR_SUBJECTS; who++)
        while (ok && is_reused(who) && p->n_codes[who] < REUSE_LIVE)
            ok = place_one(p, who, &mean);
    for (uint32_t run = 0; ok && run < PLACE_RUNS; run++)
        for (uint32_t who = 0; ok && who < OUR_SUBJECTS; who++) {
            ok = place_block(p, who, &mean);
            if (ok && run > 0)
                bench_sample(group, who, mean);
        }
    for (uint32_t who = 0; who < OUR_SUBJECTS; who++) {
        while (p->n_codes[who] > 0)
            oj_code_destroy(p->codes[who][--p->n_codes[who]]);
        oj_plan_destroy(p->plans[who]);
        ok = bench_provider_destroy(p->memory[who]) && ok;
    }
    oj_object_destroy(p->object);
    return ok;
}

bool bench_place(bench_result *result, const bench_inputs *inputs)
{
    bench_group *group = bench_group_add(result, "place-publish", "add", "us");
    placing *p = calloc(1, sizeof *p);
    if (!p)
        return bench_fail("out of memory");
    snprintf(group->note, sizeof group->note,
             "place and publish of one link, by its own statistics (their clock is always wall time); each sample is a "
             "mean of %u links, so that page faults and one call for a batch count. fresh: addresses never used "
             "before; reused: of code that was destroyed",
             PLACE_BLOCK);
    group->is_comparable = false;
    for (uint32_t who = 0; who < OUR_SUBJECTS; who++)
        bench_series_add(group, subject_names[who]);
    p->input = &inputs->add;
    bool ok = bench_isolated(place_run, result, p);
    free(p);
    return ok;
}

/* --- system calls ------------------------------------------------------------------------------------------------- */

#define COUNTED 8192u      /* links of ours */
#define COUNTED_PEER 1024u /* links of a peer */
#define COUNTED_WARM_UP 1024u
#define BATCH 512u /* addresses that one call synchronises, where they are as small as these */
#define HEAP_ROOM ((size_t)64 << 20)

typedef struct counting {
    const bench_input *input;
    uint32_t who;
    oj_memory *memory;
    bench_lljit *jit;
    oj_code *codes[COUNTED + COUNTED_WARM_UP];
} counting;

static bool count_link(counting *c, uint32_t index)
{
    const char *entry = bench_add_rename(c->input->object, index);
    if (c->who < OUR_SUBJECTS)
        return bench_check_add(bench_link_object(c->memory, c->input->object, 0, entry, &c->codes[index]));
    bench_prepared prepared = bench_lljit_prepare(c->jit, c->input->object);
    return bench_check_add(bench_lljit_link(c->jit, &prepared, entry));
}

/* One destroyed, one linked, in the order they came: 1,024 stay live. */
static bool count_reused(counting *c)
{
    for (uint32_t i = 0; i < COUNTED; i++) {
        uint32_t index = i % COUNTED_WARM_UP;
        oj_code_destroy(c->codes[index]);
        if (!count_link(c, index))
            return false;
    }
    return true;
}

/* Steady state: malloc has room already, so that none of its own calls are counted. */
static bool count_run(bench_calls *calls, void *context)
{
    counting *c = context;
    mallopt(M_TOP_PAD, (int)HEAP_ROOM);
    mallopt(M_TRIM_THRESHOLD, (int)(2 * HEAP_ROOM));
    free(malloc(1));
    bool ok = true;
    if (c->who < OUR_SUBJECTS) {
        ok = (c->memory = bench_provider_create(mode_of(c->who))) != NULL;
    } else {
        bench_llvm_start();
        c->jit = bench_lljit_create(c->who == JITLINK ? BENCH_JITLINK : BENCH_RUNTIMEDYLD, 2);
    }
    for (uint32_t i = 0; ok && i < COUNTED_WARM_UP; i++)
        ok = count_link(c, i);
    if (ok && is_reused(c->who)) /* until addresses come round for the second time */
        ok = count_reused(c);
    bench_calls_begin(calls);
    if (ok && is_reused(c->who))
        ok = count_reused(c);
    else
        for (uint32_t i = 0; ok && i < (c->who < OUR_SUBJECTS ? COUNTED : COUNTED_PEER); i++)
            ok = count_link(c, COUNTED_WARM_UP + i);
    bench_calls_end(calls);
    return ok;
}

/* What calls.c counted, as samples and as words below the table. */
static void enter(bench_group *groups, uint32_t who, const bench_calls *calls)
{
    char words[160];
    double total = (double)bench_calls_total(calls), n = who < OUR_SUBJECTS ? COUNTED : COUNTED_PEER;
    bench_group *batch = &groups[1];
    size_t length = strlen(batch->note);
    bench_sample(&groups[0], who, total / n);
    if (who >= OUR_SUBJECTS)
        return;
    if (is_reused(who))
        bench_sample(batch, who == VIEWS_REUSED ? 0 : 1, total * BATCH / n);
    bench_calls_describe(calls, words, sizeof words);
    snprintf(batch->note + length, sizeof batch->note - length, "%s%s: %s", length ? "; " : "", subject_names[who] + 7,
             words);
}

bool bench_system_calls(bench_result *result, const bench_inputs *inputs)
{
    bench_group *groups = bench_group_add(result, "system-calls", "add", "calls/link");
    bench_group *batch = bench_group_add(result, "system-calls-batch", "add", "calls/batch");
    counting *c = calloc(1, sizeof *c);
    bench_calls *calls = bench_shared_create(sizeof *calls);
    bool ok = c && calls, is_allowed;
    snprintf(groups->note, sizeof groups->note,
             "all that a tracer sees over 8,192 links (1,024 of a peer) in steady state, destroying included where "
             "addresses are reused; malloc has room, so that its own calls are not in it");
    snprintf(batch->note, sizeof batch->note, "for each 512 reused addresses. All calls of 8,192 links");
    batch->is_comparable = false;
    bench_series_add(batch, "ownjit views");
    bench_series_add(batch, "ownjit private");
    for (uint32_t who = 0; who < SUBJECTS; who++)
        bench_series_add(groups, subject_names[who]);
    for (uint32_t who = 0; ok && who < SUBJECTS; who++) {
        *c = (counting){.input = &inputs->add, .who = who};
        memset(calls, 0, sizeof *calls);
        ok = bench_count_calls(count_run, c, calls, &is_allowed);
        if (ok && is_allowed)
            enter(groups, who, calls);
        else if (ok)
            puts("system-calls: tracing is not allowed here, not measured");
    }
    bench_shared_destroy(calls, sizeof *calls);
    free(c);
    return ok;
}
