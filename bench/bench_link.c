/* Object bytes to an address that is ready to run. */
#include "bench.h"

#include <ownjit/ownjit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_RUNS 60u
#define WARM_RUNS 60u
#define PHASE_RUNS 100u
#define SMALL_RUNS 3000u
#define SMALL_BLOCK 50u

/* Subjects take turns, sample by sample, so that whatever drifts hits them all alike. */
typedef enum subject {
    OURS_PRIVATE,
    OURS_VIEWS,
    RUNTIMEDYLD,
    JITLINK,
    FLOOR_PRIVATE,
    FLOOR_VIEWS,
    FLOOR_HUGE,
    SUBJECTS
} subject;

static const char *const subject_names[SUBJECTS] = {"ownjit private", "ownjit views", "runtimedyld",       "jitlink",
                                                    "floor private",  "floor views",  "floor private huge"};

static void *lookup_ours(void *code, const char *name) { return oj_code_lookup(code, name); }

/* --- one large object --------------------------------------------------------------------------------------------- */

static uint32_t mode_of(subject who) { return who == OURS_VIEWS ? OJ_MEMORY_MODE_VIEWS : OJ_MEMORY_MODE_PRIVATE; }

/* Link with a provider that is there already; *took is microseconds. The code is destroyed again. */
static bool link_ours(const oj_memory *memory, const bench_input *input, bool check, double *took)
{
    oj_link_options options;
    oj_code *code;
    oj_error error;
    oj_link_options_init(&options);
    options.memory = memory;
    uint64_t start = bench_now();
    oj_status status = oj_link_bytes(input->object.data, input->object.size, &options, &code, &error);
    void *address = oj_code_lookup(code, input->entry);
    *took = bench_elapsed(start);
    if (status != OJ_OK)
        return bench_fail("oj_link_bytes of %s: %s", input->name, error.text);
    bool ok = BENCH_CHECK(address != NULL) && (!check || input->check(lookup_ours, code));
    oj_code_destroy(code);
    return ok;
}

static bool link_lljit(bench_lljit *jit, const bench_input *input, bool check, double *took)
{
    bench_prepared prepared = bench_lljit_prepare(jit, input->object);
    uint64_t start = bench_now();
    void *address = bench_lljit_link(jit, &prepared, input->entry);
    *took = bench_elapsed(start);
    bool ok = BENCH_CHECK(address != NULL) && (!check || input->check(bench_lljit_lookup, jit));
    bench_lljit_remove(&prepared);
    return ok;
}

static bool link_floor(bench_floor *loop, bench_mode mode, const bench_input *input, bool check, double *took)
{
    uint64_t start = bench_now();
    bool ok = bench_floor_link(loop, mode);
    *took = bench_elapsed(start);
    ok = BENCH_CHECK(ok) && (!check || input->check(bench_floor_lookup, loop));
    if (ok)
        bench_floor_unmap(loop);
    return ok;
}

/* One sample with an engine or provider made for it; making and ending it is not timed. */
static bool sample_fresh(subject who, bench_floor *loop, const bench_input *input, bool check, double *took)
{
    static const bench_mode modes[] = {BENCH_PRIVATE, BENCH_VIEWS, BENCH_HUGE};
    if (who >= FLOOR_PRIVATE)
        return link_floor(loop, modes[who - FLOOR_PRIVATE], input, check, took);
    if (who == RUNTIMEDYLD || who == JITLINK) {
        bench_lljit *jit = bench_lljit_create(who == JITLINK ? BENCH_JITLINK : BENCH_RUNTIMEDYLD, 2);
        bool ok = link_lljit(jit, input, check, took);
        bench_lljit_destroy(jit);
        return ok;
    }
    oj_memory *memory = bench_provider_create(mode_of(who));
    bool ok = memory && link_ours(memory, input, check, took);
    return bench_provider_destroy(memory) && ok;
}

static bool fresh(bench_result *result, void *context)
{
    const bench_input *input = context;
    bench_group *group = &result->groups[result->n_groups - 1];
    bench_floor *loop = bench_floor_create(input->object);
    bool ok = BENCH_CHECK(loop != NULL);
    double took;
    bench_llvm_start();
    for (uint32_t run = 0; ok && run < FRESH_RUNS; run++)
        for (uint32_t who = 0; ok && who < SUBJECTS; who++) {
            bool check = run == 0 || run == FRESH_RUNS - 1;
            ok = sample_fresh((subject)who, loop, input, check, &took);
            /* The first round pays for pages of libLLVM and of the heap; it is checked but not counted. */
            if (ok && run > 0)
                bench_sample(group, who, took);
        }
    bench_floor_destroy(loop);
    return ok;
}

bool bench_link_fresh(bench_result *result, const bench_inputs *inputs)
{
    const bench_input *all[] = {&inputs->sqlite, &inputs->sqlite_plain, &inputs->lua};
    bool ok = true;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bench_group *group = bench_group_add(result, "link-fresh", all[i]->name, "us");
        snprintf(
            group->note, sizeof group->note,
            "object of %zu bytes in memory to an address, in fresh memory. Engines and providers exist before; "
            "floor: copies and relocates without parsing or checks.%s",
            all[i]->object.size,
            all[i] == &inputs->sqlite_plain
                ? " No unwind tables: all subjects do the same work"
                : " Engines and OwnJIT also register the unwind tables, the floor does not: sqlite-nounwind leaves "
                  "them out");
        for (uint32_t who = 0; who < SUBJECTS; who++)
            bench_series_add(group, subject_names[who]);
        ok = bench_isolated(fresh, result, (void *)(uintptr_t)all[i]) && ok;
    }
    return ok;
}

static bool warm(bench_result *result, void *context)
{
    const bench_input *input = context;
    bench_group *group = &result->groups[result->n_groups - 1];
    oj_memory *memory[] = {bench_provider_create(OJ_MEMORY_MODE_PRIVATE), bench_provider_create(OJ_MEMORY_MODE_VIEWS)};
    bool ok = memory[0] && memory[1];
    double took;
    bench_llvm_start();
    bench_lljit *jits[] = {bench_lljit_create(BENCH_RUNTIMEDYLD, 2), bench_lljit_create(BENCH_JITLINK, 2)};
    for (uint32_t run = 0; ok && run < WARM_RUNS; run++)
        for (uint32_t who = 0; ok && who <= JITLINK; who++) {
            bool check = run == 0 || run == WARM_RUNS - 1;
            ok = who <= OURS_VIEWS ? link_ours(memory[who], input, check, &took)
                                   : link_lljit(jits[who - RUNTIMEDYLD], input, check, &took);
            if (ok && run > 0)
                bench_sample(group, who, took);
        }
    bench_lljit_destroy(jits[0]);
    bench_lljit_destroy(jits[1]);
    bool ended = bench_provider_destroy(memory[0]);
    return bench_provider_destroy(memory[1]) && ended && ok;
}

bool bench_link_warm(bench_result *result, const bench_inputs *inputs)
{
    const bench_input *all[] = {&inputs->sqlite, &inputs->lua};
    bool ok = true;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bench_group *group = bench_group_add(result, "link-warm", all[i]->name, "us");
        snprintf(group->note, sizeof group->note,
                 "the same with one engine or provider for all runs; each run's code is removed before the next");
        for (uint32_t who = 0; who <= JITLINK; who++)
            bench_series_add(group, subject_names[who]);
        ok = bench_isolated(warm, result, (void *)(uintptr_t)all[i]) && ok;
    }
    return ok;
}

/* --- phases ------------------------------------------------------------------------------------------------------- */

static const char *const phase_names[] = {"parse", "resolve", "layout", "place", "relocate", "publish", "destroy"};

static bool sample_phases(bench_group *group, const bench_input *input, const oj_memory *memory, uint32_t first)
{
    oj_object_options object_options;
    oj_link_options options;
    oj_link_stats stats;
    oj_object *object;
    oj_code *code;
    oj_error error;
    oj_object_options_init(&object_options);
    object_options.flags = OJ_OBJECT_BORROW;
    oj_link_options_init(&options);
    options.memory = memory;
    options.stats = &stats;
    options.stats_size = sizeof stats;
    uint64_t start = bench_now();
    if (oj_object_create(&object, input->object.data, input->object.size, &object_options, &error) != OJ_OK)
        return bench_fail("oj_object_create of %s: %s", input->name, error.text);
    bench_sample(group, first, bench_elapsed(start));
    const oj_object *objects[] = {object};
    oj_status status = oj_link(objects, 1, &options, &code, &error);
    oj_object_destroy(object);
    if (status != OJ_OK)
        return bench_fail("oj_link of %s: %s", input->name, error.text);
    uint64_t phases[] = {stats.resolve_ns, stats.layout_ns, stats.place_ns, stats.relocate_ns, stats.publish_ns};
    for (uint32_t i = 0; i < sizeof phases / sizeof *phases; i++)
        bench_sample(group, first + 1 + i, (double)phases[i] / 1000.0);
    start = bench_now();
    oj_code_destroy(code);
    bench_sample(group, first + 6, bench_elapsed(start));
    return true;
}

static bool phases(bench_result *result, void *context)
{
    const bench_input *input = context;
    bench_group *group = &result->groups[result->n_groups - 1];
    bool is_small = strcmp(input->name, "add") == 0, ok = true;
    oj_memory *kept[] = {bench_provider_create(OJ_MEMORY_MODE_PRIVATE), bench_provider_create(OJ_MEMORY_MODE_VIEWS)};
    for (uint32_t run = 0; ok && run < PHASE_RUNS; run++)
        for (uint32_t mode = 0; ok && mode < 2; mode++) {
            oj_memory *memory =
                is_small ? kept[mode] : bench_provider_create(mode ? OJ_MEMORY_MODE_VIEWS : OJ_MEMORY_MODE_PRIVATE);
            ok =
                memory && sample_phases(group, input, memory, mode * 7) && (is_small || bench_provider_destroy(memory));
        }
    bool ended = bench_provider_destroy(kept[0]);
    return bench_provider_destroy(kept[1]) && ended && ok;
}

bool bench_link_phases(bench_result *result, const bench_inputs *inputs)
{
    const bench_input *all[] = {&inputs->sqlite, &inputs->lua, &inputs->add};
    bool ok = true;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bench_group *group = bench_group_add(result, "link-phases", all[i]->name, "us");
        group->is_comparable = false;
        snprintf(group->note, sizeof group->note,
                 "as the library's own statistics tell them (parse and destroy: timed from outside); %s memory",
                 strcmp(all[i]->name, "add") == 0 ? "warm" : "fresh");
        for (uint32_t s = 0; s < 14; s++) {
            char name[40];
            snprintf(name, sizeof name, "%s %s", s < 7 ? "private" : "views", phase_names[s % 7]);
            bench_series_add(group, name);
        }
        ok = bench_isolated(phases, result, (void *)(uintptr_t)all[i]) && ok;
    }
    return ok;
}

/* --- one small object --------------------------------------------------------------------------------------------- */

enum { SMALL_PRIVATE, SMALL_VIEWS, SMALL_VIEWS_WANTED, SMALL_RUNTIMEDYLD, SMALL_JITLINK, SMALL_SUBJECTS };

static const char *const small_names[SMALL_SUBJECTS] = {"ownjit private", "ownjit views", "ownjit views no-symbols",
                                                        "runtimedyld", "jitlink"};

typedef struct small {
    const bench_input *input;
    oj_memory *memory[3];
    bench_lljit *jits[2];
    oj_code *codes[3][SMALL_RUNS];
} small;

static bool small_ours(small *state, uint32_t who, uint32_t run, const char *entry, double *took)
{
    oj_link_options options;
    oj_error error;
    oj_wanted wanted = {.name = entry};
    oj_code **code = &state->codes[who][run];
    bench_bytes object = state->input->object;
    oj_link_options_init(&options);
    options.memory = state->memory[who];
    if (who == SMALL_VIEWS_WANTED) {
        options.flags = OJ_LINK_KEEP_NO_SYMBOLS;
        options.wanted = &wanted;
        options.n_wanted = 1;
    }
    uint64_t start = bench_now();
    oj_status status = oj_link_bytes(object.data, object.size, &options, code, &error);
    void *address = who == SMALL_VIEWS_WANTED ? (void *)(uintptr_t)wanted.addr : oj_code_lookup(*code, entry);
    *took = bench_elapsed(start);
    return status == OJ_OK ? bench_check_add(address) : bench_fail("oj_link_bytes: %s", error.text);
}

static bool small_sample(small *state, uint32_t who, uint32_t run, double *took)
{
    const char *entry = bench_add_rename(state->input->object, run);
    if (who < SMALL_RUNTIMEDYLD)
        return small_ours(state, who, run, entry, took);
    bench_lljit *jit = state->jits[who - SMALL_RUNTIMEDYLD];
    /* JITLink's graph may point into the bytes until it is linked, which lookup waits for: they may change after. */
    bench_prepared prepared = bench_lljit_prepare(jit, state->input->object);
    uint64_t start = bench_now();
    void *address = bench_lljit_link(jit, &prepared, entry);
    *took = bench_elapsed(start);
    return bench_check_add(address);
}

static bool small_run(bench_result *result, void *context)
{
    small *state = context;
    bench_group *group = &result->groups[result->n_groups - 1];
    bool ok = true;
    double took;
    bench_llvm_start();
    for (uint32_t i = 0; i < 3; i++)
        ok =
            (state->memory[i] = bench_provider_create(i ? OJ_MEMORY_MODE_VIEWS : OJ_MEMORY_MODE_PRIVATE)) != NULL && ok;
    state->jits[0] = bench_lljit_create(BENCH_RUNTIMEDYLD, 2);
    state->jits[1] = bench_lljit_create(BENCH_JITLINK, 2);
    for (uint32_t block = 0; ok && block < SMALL_RUNS / SMALL_BLOCK; block++)
        for (uint32_t who = 0; ok && who < SMALL_SUBJECTS; who++)
            for (uint32_t i = 0; ok && i < SMALL_BLOCK; i++) {
                ok = small_sample(state, who, block * SMALL_BLOCK + i, &took);
                if (ok && block > 0)
                    bench_sample(group, who, took);
            }
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t run = 0; run < SMALL_RUNS; run++)
            oj_code_destroy(state->codes[i][run]);
        ok = bench_provider_destroy(state->memory[i]) && ok;
    }
    bench_lljit_destroy(state->jits[0]);
    bench_lljit_destroy(state->jits[1]);
    return ok;
}

bool bench_link_small(bench_result *result, const bench_inputs *inputs)
{
    bench_group *group = bench_group_add(result, "link-small", "add", "us");
    small *state = calloc(1, sizeof *state);
    if (!state)
        return bench_fail("out of memory");
    snprintf(group->note, sizeof group->note,
             "a one-function object of %zu bytes to an address, everything warm and all earlier ones alive; subjects "
             "take turns in blocks of %u; removing it again is not timed",
             inputs->add.object.size, SMALL_BLOCK);
    for (uint32_t who = 0; who < SMALL_SUBJECTS; who++)
        bench_series_add(group, small_names[who]);
    state->input = &inputs->add;
    bool ok = bench_isolated(small_run, result, state);
    free(state);
    return ok;
}
