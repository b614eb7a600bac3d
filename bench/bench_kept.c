/* What stays in memory: for each live module, and after everything has been destroyed. */
#include "bench.h"

#include <ownjit/ownjit.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 3u
#define OUR_MODULES 10000u
#define ENGINE_MODULES 300u /* where each module has an engine of its own */
#define WARM_UP_SHARE 20u   /* one in so many modules is linked before counting starts */

#define HEAP_WARM_UP 100u
#define HEAP_COMPILES 1000u

typedef enum subject {
    OURS_VIEWS,
    OURS_VIEWS_BARE,
    OURS_PRIVATE,
    OURS_PRIVATE_BARE,
    RUNTIMEDYLD,
    JITLINK,
    JITLINK_EACH,
    MCJIT_EACH,
    SUBJECTS
} subject;

static const char *const subject_names[SUBJECTS] = {
    "ownjit views",      "ownjit views no-symbols", "ownjit private",     "ownjit private no-symbols",
    "lljit runtimedyld", "lljit jitlink",           "lljit jitlink each", "mcjit each"};

typedef struct kept {
    const bench_inputs *inputs;
    subject who;
    uint32_t run;
    uint32_t n_modules;
    oj_memory *memory;
    bench_lljit *jit;
    uint64_t own_bytes; /* of one module: code, constants, data, and what a kept symbol is allowed */
} kept;

/* --- one more live module ----------------------------------------------------------------------------------------- */

static void *add_ours(kept *k, const char *entry)
{
    oj_link_options options;
    oj_link_stats stats;
    oj_code *code;
    oj_error error;
    oj_wanted wanted = {.name = entry};
    bool is_bare = k->who == OURS_VIEWS_BARE || k->who == OURS_PRIVATE_BARE;
    bench_bytes object = k->inputs->add.object;
    oj_link_options_init(&options);
    options.flags = is_bare ? OJ_LINK_KEEP_NO_SYMBOLS : 0;
    options.memory = k->memory;
    options.wanted = &wanted;
    options.n_wanted = 1;
    options.stats = &stats;
    options.stats_size = sizeof stats;
    if (oj_link_bytes(object.data, object.size, &options, &code, &error) != OJ_OK) {
        bench_fail("oj_link_bytes: %s", error.text);
        return NULL;
    }
    k->own_bytes = stats.code_size + stats.rodata_size + stats.data_size + stats.n_symbols * (16 + strlen(entry) + 1);
    return (void *)(uintptr_t)wanted.addr;
}

static void *add_engine(bench_engine engine, bench_bytes bitcode, const char *entry)
{
    bench_prepared prepared = {0};
    return bench_lljit_compile(bench_lljit_create(engine, 0), &prepared, bitcode, entry);
}

/* Handles and engines stay alive, and are not remembered: the process ends with them. */
static void *add_module(kept *k, uint32_t index)
{
    const bench_input *input = &k->inputs->add;
    bench_mcjit mcjit;
    if (k->who == JITLINK_EACH)
        return add_engine(BENCH_JITLINK, input->bitcode, bench_add_rename(input->bitcode, index));
    if (k->who == MCJIT_EACH)
        return bench_mcjit_compile(&mcjit, input->bitcode, 0, bench_add_rename(input->bitcode, index));
    const char *entry = bench_add_rename(input->object, index);
    if (k->who <= OURS_PRIVATE_BARE)
        return add_ours(k, entry);
    bench_prepared prepared = bench_lljit_prepare(k->jit, input->object);
    return bench_lljit_link(k->jit, &prepared, entry);
}

/* --- growth over many --------------------------------------------------------------------------------------------- */

static bool prepare(kept *k)
{
    if (k->who <= OURS_PRIVATE_BARE) {
        k->memory = bench_provider_create(k->who >= OURS_PRIVATE ? OJ_MEMORY_MODE_PRIVATE : OJ_MEMORY_MODE_VIEWS);
        return k->memory != NULL;
    }
    bench_llvm_start();
    if (k->who == RUNTIMEDYLD || k->who == JITLINK)
        k->jit = bench_lljit_create(k->who == JITLINK ? BENCH_JITLINK : BENCH_RUNTIMEDYLD, 0);
    return true;
}

static bool add_modules(kept *k, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        void *address = add_module(k, i);
        if (!address || !bench_check_add(address))
            return bench_fail("%s: module %u does not work", subject_names[k->who], i);
    }
    return true;
}

static bool kept_run(bench_result *result, void *context)
{
    kept *k = context;
    bench_group *groups = &result->groups[result->n_groups - 5];
    uint32_t first = k->n_modules / WARM_UP_SHARE;
    double n = k->n_modules - first;
    if (!prepare(k) || !add_modules(k, 0, first))
        return false;
    bench_memory before = bench_memory_now();
    if (!add_modules(k, first, k->n_modules))
        return false;
    bench_memory after = bench_memory_now();
    bench_sample(&groups[0], k->who, (after.rss - before.rss) / n);
    bench_sample(&groups[1], k->who, (after.pss - before.pss) / n);
    bench_sample(&groups[2], k->who, (after.mappings - before.mappings) / n);
    bench_sample(&groups[3], k->who, (after.heap - before.heap) / n);
    if (k->who <= OURS_PRIVATE_BARE)
        bench_sample(&groups[4], k->who, (after.rss - before.rss) / n - (double)k->own_bytes);
    return true;
}

bool bench_kept(bench_result *result, const bench_inputs *inputs)
{
    static const char *const names[] = {"kept-resident", "kept-proportional", "kept-mappings", "kept-heap",
                                        "kept-beyond"};
    static const char *const notes[] = {
        "growth for each live one-function module (10,000; 300 where each has its own engine): Rss of smaps_rollup",
        "Pss of smaps_rollup: a page that is seen through two views counts once, where Rss counts it twice",
        "lines of /proc/self/maps for each module",
        "malloc's own count for each module",
        "resident size less code, constants and data, and less 16 bytes and the name for each kept symbol",
    };
    bool ok = true;
    for (size_t g = 0; g < 5; g++) {
        bench_group *group = bench_group_add(result, names[g], "add", g == 2 ? "mappings" : "bytes");
        snprintf(group->note, sizeof group->note, "%s", notes[g]);
        group->is_comparable = g < 4;
        for (uint32_t who = 0; who < (g < 4 ? SUBJECTS : RUNTIMEDYLD); who++)
            bench_series_add(group, subject_names[who]);
    }
    for (uint32_t run = 0; ok && run < RUNS; run++)
        for (uint32_t who = 0; who < SUBJECTS; who++) {
            kept k = {.inputs = inputs, .who = (subject)who, .run = run};
            k.n_modules = who >= JITLINK_EACH ? ENGINE_MODULES : OUR_MODULES;
            ok = bench_isolated(kept_run, result, &k) && ok;
        }
    return ok;
}

/* --- heap after compiling ----------------------------------------------------------------------------------------- */

enum { HEAP_OURS, HEAP_CALLS, HEAP_MCJIT, HEAP_RUNTIMEDYLD, HEAP_JITLINK, HEAP_SUBJECTS };

static const char *const heap_names[HEAP_SUBJECTS] = {"ownjit", "llvm calls", "mcjit", "lljit runtimedyld",
                                                      "lljit jitlink"};

typedef struct heap {
    const bench_input *input;
    uint32_t who;
    uint32_t n_cycles;
    bool ok;
} heap;

/* The seven steps: the compiler is gone before the code runs. */
static bool cycle_ours(const bench_input *input)
{
    oj_compiler_options options;
    oj_compiler *compiler;
    oj_code *code;
    oj_error error;
    oj_compiler_options_init(&options);
    options.level = OJ_LEVEL_0;
    if (oj_compiler_create(&compiler, &options, &error) != OJ_OK)
        return bench_fail("oj_compiler_create: %s", error.text);
    oj_status status = oj_compile_bitcode(compiler, input->bitcode.data, input->bitcode.size, NULL, &code, &error);
    oj_compiler_destroy(compiler);
    if (status != OJ_OK)
        return bench_fail("oj_compile_bitcode: %s", error.text);
    bool ok = bench_check_add(oj_code_lookup(code, input->entry));
    oj_code_destroy(code);
    return ok;
}

static bool cycle(const heap *h)
{
    bench_mcjit mcjit;
    bench_prepared prepared = {0};
    bool ok;
    if (h->who == HEAP_OURS)
        return cycle_ours(h->input);
    if (h->who == HEAP_CALLS) {
        void *machine = bench_machine_create(0);
        ok = machine && bench_llvm_emit(machine, h->input->bitcode, true);
        bench_machine_destroy(machine);
        return ok;
    }
    if (h->who == HEAP_MCJIT) {
        ok = bench_check_add(bench_mcjit_compile(&mcjit, h->input->bitcode, 0, h->input->entry));
        bench_mcjit_destroy(&mcjit);
        return ok;
    }
    bench_lljit *jit = bench_lljit_create(h->who == HEAP_JITLINK ? BENCH_JITLINK : BENCH_RUNTIMEDYLD, 0);
    ok = bench_check_add(bench_lljit_compile(jit, &prepared, h->input->bitcode, h->input->entry));
    bench_lljit_remove(&prepared);
    bench_lljit_destroy(jit);
    return ok;
}

static void *cycles(void *context)
{
    heap *h = context;
    for (uint32_t i = 0; h->ok && i < h->n_cycles; i++)
        h->ok = cycle(h);
    return NULL;
}

/* In a thread of its own: malloc counts what its per-thread cache holds as in use, and how full that is depends on
 * where blocks happen to lie. A thread's end empties its cache, and nothing is counted but what is really kept. */
static bool run_cycles(heap *h, uint32_t n_cycles)
{
    pthread_t thread;
    h->n_cycles = n_cycles;
    h->ok = true;
    return BENCH_CHECK(pthread_create(&thread, NULL, cycles, h) == 0) && BENCH_CHECK(pthread_join(thread, NULL) == 0) &&
           (h->ok || bench_fail("%s: a compile failed", heap_names[h->who]));
}

static bool heap_run(bench_result *result, void *context)
{
    heap *h = context;
    bench_group *groups = &result->groups[result->n_groups - 2];
    bench_llvm_start();
    if (!run_cycles(h, HEAP_WARM_UP))
        return false;
    bench_memory before = bench_memory_now();
    if (!run_cycles(h, HEAP_COMPILES))
        return false;
    bench_memory after = bench_memory_now();
    bench_sample(&groups[0], h->who, after.heap - before.heap);
    bench_sample(&groups[1], h->who, after.rss - before.rss);
    return true;
}

bool bench_heap(bench_result *result, const bench_inputs *inputs)
{
    bool ok = true;
    for (size_t g = 0; g < 2; g++) {
        bench_group *group = bench_group_add(result, g ? "heap-growth-resident" : "heap-growth", "add -O0", "bytes");
        snprintf(group->note, sizeof group->note,
                 "%s after 1,000 cycles of create, compile, run, destroy that followed 100 others",
                 g ? "growth of the resident size" : "growth of malloc's own count");
        group->is_comparable = false;
        for (uint32_t who = 0; who < HEAP_SUBJECTS; who++)
            bench_series_add(group, heap_names[who]);
    }
    /* Peers once: theirs are counts as well, and take most of the time. */
    for (uint32_t run = 0; ok && run < RUNS; run++)
        for (uint32_t who = 0; who < (run == 0 ? HEAP_SUBJECTS : HEAP_OURS + 1); who++) {
            heap h = {.input = &inputs->add, .who = who};
            ok = bench_isolated(heap_run, result, &h) && ok;
        }
    return ok;
}
