/* Many small codes: what 100,000 that stay cost, and what a million that come and go leave behind. */
#include "bench.h"

#include <ownjit/ownjit.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- 100,000 live ------------------------------------------------------------------------------------------------- */

#define LIVE_RUNS 2u
#define LIVE 100000u
#define LIVE_OF_ONE_ENGINE 5000u /* more would run into vm.max_map_count before 33,000 */
#define LIVE_OF_ENGINES 200u     /* each module with an engine of its own */
#define LIVE_WARM_UP 20u         /* of peers one in so many is not counted, so that the engine itself is not */
#define LAST_SHARE 10u           /* time is told of the last tenth */

enum { LIVE_VIEWS, LIVE_PRIVATE, LIVE_MCJIT, LIVE_RUNTIMEDYLD, LIVE_JITLINK, LIVE_SUBJECTS };
enum { RESIDENT, PROPORTIONAL, HEAP, MAPPINGS, BEYOND, TIME, LIVE_GROUPS };

static const char *const live_names[LIVE_SUBJECTS] = {"ownjit views", "ownjit private", "mcjit each",
                                                      "lljit runtimedyld", "lljit jitlink"};

typedef struct live {
    const bench_input *input;
    uint32_t who;
    uint32_t n_modules, n_first;
    oj_memory *memory;
    bench_lljit *jit;
    double code_size; /* bytes of one function */
} live;

/* Nothing is remembered or ended: the process ends with it. */
static void *live_add(live *l, uint32_t index)
{
    bench_mcjit mcjit;
    oj_code *code;
    if (l->who == LIVE_MCJIT)
        return bench_mcjit_compile(&mcjit, l->input->bitcode, 0, bench_add_rename(l->input->bitcode, index));
    const char *entry = bench_add_rename(l->input->object, index);
    if (l->who <= LIVE_PRIVATE)
        return bench_link_object(l->memory, l->input->object, 0, entry, &code);
    bench_prepared prepared = bench_lljit_prepare(l->jit, l->input->object);
    return bench_lljit_link(l->jit, &prepared, entry);
}

static bool live_add_all(live *l, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (!bench_check_add(live_add(l, i)))
            return bench_fail("%s: module %u does not work", live_names[l->who], i);
    return true;
}

/* The provider is made after the first look at memory and so counts in full; engines are made before theirs. */
static bool live_prepare(live *l, bench_memory *before)
{
    oj_code *code;
    oj_segment segment;
    oj_memory_stats stats;
    if (l->who > LIVE_PRIVATE) {
        bench_llvm_start();
        if (l->who != LIVE_MCJIT)
            l->jit = bench_lljit_create(l->who == LIVE_JITLINK ? BENCH_JITLINK : BENCH_RUNTIMEDYLD, 0);
        if (!live_add_all(l, 0, l->n_first))
            return false;
        *before = bench_memory_now();
        return true;
    }
    *before = bench_memory_now();
    l->memory = bench_provider_create(l->who == LIVE_PRIVATE ? OJ_MEMORY_MODE_PRIVATE : OJ_MEMORY_MODE_VIEWS);
    if (!l->memory || !bench_link_object(l->memory, l->input->object, 0, bench_add_rename(l->input->object, 0), &code))
        return false;
    for (size_t i = 0; i < oj_code_segment_count(code); i++)
        if (oj_code_segment(code, i, &segment, sizeof segment) == OJ_OK && segment.kind == OJ_SEGMENT_CODE)
            l->code_size += (double)segment.size;
    oj_code_destroy(code);
    return BENCH_CHECK(oj_memory_get_stats(l->memory, &stats, sizeof stats, NULL) == OJ_OK) &&
           BENCH_CHECK(stats.n_placements == 0) && BENCH_CHECK(l->code_size > 0);
}

static bool live_run(bench_result *result, void *context)
{
    live *l = context;
    bench_group *groups = &result->groups[result->n_groups - LIVE_GROUPS];
    bench_memory before, after;
    uint32_t last = l->n_modules - l->n_modules / LAST_SHARE;
    double n = l->n_modules - l->n_first;
    if (!live_prepare(l, &before) || !live_add_all(l, l->n_first, last))
        return false;
    uint64_t start = bench_now();
    if (!live_add_all(l, last, l->n_modules))
        return false;
    bench_sample(&groups[TIME], l->who, bench_elapsed(start) / (l->n_modules - last));
    after = bench_memory_now();
    bench_sample(&groups[RESIDENT], l->who, (after.rss - before.rss) / n);
    bench_sample(&groups[PROPORTIONAL], l->who, (after.pss - before.pss) / n);
    bench_sample(&groups[HEAP], l->who, (after.heap - before.heap) / n);
    bench_sample(&groups[MAPPINGS], l->who, (after.mappings - before.mappings) * (LIVE / n));
    if (l->who <= LIVE_PRIVATE)
        bench_sample(&groups[BEYOND], l->who, (after.rss - before.rss) / n - l->code_size);
    return true;
}

bool bench_live(bench_result *result, const bench_inputs *inputs)
{
    static const struct {
        const char *name, *unit, *note;
    } shown[LIVE_GROUPS] = {
        {"live-100k-resident", "bytes", "Rss for each of 100,000 live one-function objects that were linked singly"},
        {"live-100k-proportional", "bytes", "Pss, where a page seen through two views counts once"},
        {"live-100k-heap", "bytes", "malloc's own count for each"},
        {"live-100k-mappings", "mappings",
         "in all for 100,000; peers' extrapolated from 4,750 modules in one LLJIT and from 190 MCJIT engines: the "
         "system's own limit is vm.max_map_count, 65,530 by default"},
        {"live-100k-beyond", "bytes",
         "resident size less the bytes of code alone: slabs, constants, unwind entry, kept symbol and its name, "
         "handle, provider and everything else that the first link brings count"},
        {"live-100k-time", "us", "for each of the last tenth, the call that checks it included; mcjit compiles"},
    };
    bool ok = true;
    for (size_t g = 0; g < LIVE_GROUPS; g++) {
        bench_group *group = bench_group_add(result, shown[g].name, "add", shown[g].unit);
        snprintf(group->note, sizeof group->note, "%s", shown[g].note);
        group->is_comparable = g != BEYOND;
        for (uint32_t who = 0; who < (g == BEYOND ? LIVE_MCJIT : LIVE_SUBJECTS); who++)
            bench_series_add(group, live_names[who]);
    }
    for (uint32_t run = 0; ok && run < LIVE_RUNS; run++)
        for (uint32_t who = 0; who < LIVE_SUBJECTS; who++) {
            live l = {.input = &inputs->add, .who = who};
            l.n_modules = who <= LIVE_PRIVATE ? LIVE : who == LIVE_MCJIT ? LIVE_OF_ENGINES : LIVE_OF_ONE_ENGINE;
            l.n_first = who <= LIVE_PRIVATE ? 0 : l.n_modules / LIVE_WARM_UP;
            ok = bench_isolated(live_run, result, &l) && ok;
        }
    return ok;
}

/* --- a million random steps --------------------------------------------------------------------------------------- */

#define SLOTS 10000u
#define FEWEST 2000u
#define STEPS 1000000u
#define STEPS_WARM_UP 100000u
#define STEPS_BLOCK 5000u /* steps a sample of time */

typedef struct steps {
    uint32_t mode, subject;
    bench_group *time;
    oj_memory *memory;
    bench_bytes sized[BENCH_SIZES];
    oj_code *codes[SLOTS];
    uint32_t order[SLOTS]; /* the first n_live are live */
    uint32_t n_live;
    bool is_growing;
    uint64_t random;
    uint32_t n_steps; /* for the next round */
    bool ok;
} steps;

/* What slot i holds is always of the same size, so that states with all slots live differ in nothing but history. */
static bool step_link(steps *s, uint32_t at)
{
    uint32_t slot = s->order[at];
    void *address = bench_link_object(s->memory, s->sized[slot % BENCH_SIZES], 0, BENCH_SIZED_NAME, &s->codes[slot]);
    s->order[at] = s->order[s->n_live];
    s->order[s->n_live++] = slot;
    return bench_check_add(address);
}

static void step_destroy(steps *s, uint32_t at)
{
    uint32_t slot = s->order[at];
    oj_code_destroy(s->codes[slot]);
    s->order[at] = s->order[--s->n_live];
    s->order[s->n_live] = slot;
}

/* Up to all slots and down to FEWEST again and again, two steps forward for each one back. */
static bool step(steps *s)
{
    bool is_link = bench_random(&s->random) % 3 == 0 ? !s->is_growing : s->is_growing;
    if (s->n_live == SLOTS || s->n_live == FEWEST)
        s->is_growing = s->n_live == FEWEST;
    if (s->n_live == 0 || (is_link && s->n_live < SLOTS))
        return step_link(s, s->n_live + (uint32_t)(bench_random(&s->random) % (SLOTS - s->n_live)));
    step_destroy(s, (uint32_t)(bench_random(&s->random) % s->n_live));
    return true;
}

static void *step_round(void *context)
{
    steps *s = context;
    for (uint32_t done = 0; s->ok && done < s->n_steps; done += STEPS_BLOCK) {
        uint64_t start = bench_now();
        for (uint32_t i = 0; s->ok && i < STEPS_BLOCK; i++)
            s->ok = step(s);
        if (s->n_steps == STEPS)
            bench_sample(s->time, s->subject, bench_elapsed(start) / STEPS_BLOCK);
    }
    while (s->ok && s->n_live < SLOTS)
        s->ok = step_link(s, s->n_live);
    return NULL;
}

/* In a thread that has ended when memory is looked at: malloc counts what its per-thread cache holds as in use. */
static bool steps_round(steps *s, uint32_t n_steps, bench_memory *memory, oj_memory_stats *stats)
{
    pthread_t thread;
    s->n_steps = n_steps;
    s->ok = true;
    if (!BENCH_CHECK(pthread_create(&thread, NULL, step_round, s) == 0) ||
        !BENCH_CHECK(pthread_join(thread, NULL) == 0) || !s->ok)
        return false;
    *memory = bench_memory_now();
    return BENCH_CHECK(oj_memory_get_stats(s->memory, stats, sizeof *stats, NULL) == OJ_OK) &&
           BENCH_CHECK(stats->n_placements == SLOTS);
}

static bool steps_run(bench_result *result, void *context)
{
    steps *s = context;
    bench_group *groups = &result->groups[result->n_groups - 5];
    bench_memory before, after;
    oj_memory_stats first, last;
    s->time = &groups[4];
    s->memory = bench_provider_create(s->mode);
    if (!s->memory || !bench_sized_create(s->sized) || !steps_round(s, STEPS_WARM_UP, &before, &first) ||
        !steps_round(s, STEPS, &after, &last))
        return false;
    bench_sample(&groups[0], s->subject, after.mappings - before.mappings);
    bench_sample(&groups[1], s->subject, (double)last.mapped - (double)first.mapped);
    bench_sample(&groups[2], s->subject, after.heap - before.heap);
    bench_sample(&groups[3], s->subject, after.rss - before.rss);
    for (uint32_t i = 0; i < SLOTS; i++)
        oj_code_destroy(s->codes[i]);
    bench_sized_free(s->sized);
    return bench_provider_destroy(s->memory);
}

bool bench_steps(bench_result *result, const bench_inputs *inputs)
{
    static const char *const names[] = {"random-steps-mappings", "random-steps-mapped", "random-steps-heap",
                                        "random-steps-resident", "random-steps-time"};
    static const uint32_t modes[] = {OJ_MEMORY_MODE_VIEWS, OJ_MEMORY_MODE_PRIVATE};
    static const char *const subjects[] = {"ownjit views", "ownjit private"};
    static const char *const notes[] = {
        ("growth over 1,000,000 random links and destructions of one-function objects of 8 sizes, 2,000 to 10,000 "
         "live, that followed 100,000 others; both times looked at with the same 10,000 live"),
        "bytes that can have pages, by oj_memory_get_stats", "malloc's own count", "Rss of smaps_rollup",
        "of one step, link or destruction, the call that checks a link included; a sample is a mean of 5,000"};
    steps *s = calloc(1, sizeof *s);
    bool ok = s != NULL;
    (void)inputs;
    for (size_t g = 0; g < 5; g++) {
        bench_group *group = bench_group_add(result, names[g], "add of 8 sizes",
                                             g == 0   ? "mappings"
                                             : g == 4 ? "us"
                                                      : "bytes");
        snprintf(group->note, sizeof group->note, "%s", notes[g]);
        for (uint32_t i = 0; i < 2; i++)
            bench_series_add(group, subjects[i]);
        group->is_comparable = false;
    }
    for (uint32_t i = 0; ok && i < 2; i++) {
        *s = (steps){.mode = modes[i], .subject = i, .is_growing = true, .random = BENCH_SEED};
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            s->order[slot] = slot;
        ok = bench_isolated(steps_run, result, s) && ok;
    }
    free(s);
    return ok;
}
