/* IR to an address: OwnJIT, LLVM's engines, and the bare sequence of LLVM calls that any of them must make. */
#include "bench.h"

#include <ownjit/ownjit.h>
#include <stdio.h>
#include <string.h>

#define SMALL_RUNS 400u
#define LARGE_RUNS 3u

typedef enum subject {
    OURS_NEW,
    OURS_KEPT,
    OURS_OBJECT,
    CALLS_NEW,
    CALLS_KEPT,
    MCJIT,
    RUNTIMEDYLD_NEW,
    JITLINK_NEW,
    RUNTIMEDYLD_KEPT,
    JITLINK_KEPT,
    SUBJECTS
} subject;

static const char *const subject_names[SUBJECTS] = {"ownjit new compiler",     "ownjit kept compiler",
                                                    "ownjit kept to object",   "llvm calls new machine",
                                                    "llvm calls kept machine", "mcjit",
                                                    "lljit runtimedyld new",   "lljit jitlink new",
                                                    "lljit runtimedyld kept",  "lljit jitlink kept"};

typedef struct state {
    const bench_input *input;
    bench_bytes anchor_bitcode;
    unsigned level; /* 0 to 3 */
    uint32_t runs;
    oj_llvm *llvm;
    oj_compiler *compiler;
    oj_code *anchor; /* stays alive, so that the default provider is warm: it gives its last slab back when empty */
    void *machine;
    bench_lljit *jits[2];
} state;

static oj_compiler *create_compiler(const state *s)
{
    oj_compiler_options options;
    oj_compiler *compiler;
    oj_error error;
    oj_compiler_options_init(&options);
    options.llvm = s->llvm;
    options.level = OJ_LEVEL_0 + s->level;
    if (oj_compiler_create(&compiler, &options, &error) != OJ_OK)
        bench_fail("oj_compiler_create: %s", error.text);
    return compiler;
}

static void *lookup_ours(void *code, const char *name) { return oj_code_lookup(code, name); }

static bool sample_ours(const state *s, bool is_new, bool check, double *took)
{
    oj_code *code = NULL;
    oj_error error = {0};
    uint64_t start = bench_now();
    oj_compiler *compiler = is_new ? create_compiler(s) : s->compiler;
    oj_status status = OJ_E_MISUSE;
    if (compiler)
        status = oj_compile_bitcode(compiler, s->input->bitcode.data, s->input->bitcode.size, NULL, &code, &error);
    void *address = status == OJ_OK ? oj_code_lookup(code, s->input->entry) : NULL;
    *took = bench_elapsed(start);
    if (is_new)
        oj_compiler_destroy(compiler);
    if (!address)
        return bench_fail("oj_compile_bitcode of %s: %s", s->input->name, error.text);
    bool ok = !check || s->input->check(lookup_ours, code);
    oj_code_destroy(code);
    return ok;
}

static bool sample_object(const state *s, double *took)
{
    oj_ir ir = oj_ir_bytes(s->input->bitcode.data, s->input->bitcode.size);
    oj_bytes *bytes;
    uint64_t start = bench_now();
    bool ok = oj_compile_object(s->compiler, &ir, &bytes, NULL) == OJ_OK;
    oj_bytes_destroy(bytes);
    *took = bench_elapsed(start);
    return BENCH_CHECK(ok);
}

static bool sample_calls(const state *s, bool is_new, double *took)
{
    uint64_t start = bench_now();
    void *machine = is_new ? bench_machine_create(s->level) : s->machine;
    bool ok = machine && bench_llvm_emit(machine, s->input->bitcode, true);
    *took = bench_elapsed(start);
    if (is_new && machine)
        bench_machine_destroy(machine);
    return BENCH_CHECK(ok);
}

static bool sample_mcjit(const state *s, bool check, double *took)
{
    bench_mcjit jit;
    uint64_t start = bench_now();
    void *address = bench_mcjit_compile(&jit, s->input->bitcode, s->level, s->input->entry);
    *took = bench_elapsed(start);
    bool ok = BENCH_CHECK(address != NULL) && (!check || s->input->check(bench_mcjit_lookup, &jit));
    bench_mcjit_destroy(&jit);
    return ok;
}

static bool sample_lljit(const state *s, bench_engine engine, bool is_new, bool check, double *took)
{
    bench_prepared prepared = {0};
    uint64_t start = bench_now();
    bench_lljit *jit = is_new ? bench_lljit_create(engine, s->level) : s->jits[engine];
    void *address = bench_lljit_compile(jit, &prepared, s->input->bitcode, s->input->entry);
    *took = bench_elapsed(start);
    bool ok = BENCH_CHECK(address != NULL) && (!check || s->input->check(bench_lljit_lookup, jit));
    bench_lljit_remove(&prepared);
    if (is_new)
        bench_lljit_destroy(jit);
    return ok;
}

static bool sample(const state *s, subject who, bool check, double *took)
{
    switch (who) {
    case OURS_NEW:
        return sample_ours(s, true, check, took);
    case OURS_KEPT:
        return sample_ours(s, false, check, took);
    case OURS_OBJECT:
        return sample_object(s, took);
    case CALLS_NEW:
        return sample_calls(s, true, took);
    case CALLS_KEPT:
        return sample_calls(s, false, took);
    case MCJIT:
        return sample_mcjit(s, check, took);
    case RUNTIMEDYLD_NEW:
        return sample_lljit(s, BENCH_RUNTIMEDYLD, true, check, took);
    case JITLINK_NEW:
        return sample_lljit(s, BENCH_JITLINK, true, check, took);
    case RUNTIMEDYLD_KEPT:
        return sample_lljit(s, BENCH_RUNTIMEDYLD, false, check, took);
    default:
        return sample_lljit(s, BENCH_JITLINK, false, check, took);
    }
}

static bool start_engines(state *s)
{
    oj_llvm_options options;
    oj_error error;
    bench_llvm_start();
    oj_llvm_options_init(&options);
    options.source = OJ_LLVM_PROCESS;
    if (oj_llvm_create(&s->llvm, &options, &error) != OJ_OK)
        return bench_fail("oj_llvm_create: %s", error.text);
    s->compiler = create_compiler(s);
    s->machine = bench_machine_create(s->level);
    s->jits[BENCH_RUNTIMEDYLD] = bench_lljit_create(BENCH_RUNTIMEDYLD, s->level);
    s->jits[BENCH_JITLINK] = bench_lljit_create(BENCH_JITLINK, s->level);
    if (!s->compiler || !s->machine)
        return false;
    return oj_compile_bitcode(s->compiler, s->anchor_bitcode.data, s->anchor_bitcode.size, NULL, &s->anchor, &error) ==
               OJ_OK ||
           bench_fail("oj_compile_bitcode: %s", error.text);
}

static void stop_engines(state *s)
{
    bench_lljit_destroy(s->jits[BENCH_RUNTIMEDYLD]);
    bench_lljit_destroy(s->jits[BENCH_JITLINK]);
    if (s->machine)
        bench_machine_destroy(s->machine);
    oj_code_destroy(s->anchor);
    oj_compiler_destroy(s->compiler);
    oj_llvm_destroy(s->llvm);
}

/* Every other round goes backwards, since each subject finds the caches as the one before left them. */
static bool small_round(const state *s, uint32_t run, double *took)
{
    bool check = run == 0 || run == s->runs - 1;
    for (uint32_t i = 0; i < SUBJECTS; i++) {
        uint32_t who = run % 2 ? SUBJECTS - 1 - i : i;
        if (!sample(s, (subject)who, check, &took[who]))
            return false;
    }
    return true;
}

typedef enum difference { EXTRA_NEW, EXTRA_KEPT, EXTRA_OBJECT, EXTRA_AFTER_OTHERS, DIFFERENCES } difference;

static const char *const difference_names[DIFFERENCES] = {"ownjit new compiler", "ownjit kept compiler",
                                                          "ownjit kept to object", "ownjit kept after mcjit"};

/* What `before` leaves in the caches makes more than the few microseconds that are looked for: both of a pair follow
 * the same, which is their own like where `before` is SUBJECTS. */
static bool sample_pair(const state *s, subject before, subject who, double *took)
{
    double ignored;
    return sample(s, before == SUBJECTS ? who : before, false, &ignored) && sample(s, who, false, took);
}

/* Taken round by round, before medians, so that drift between rounds cancels. */
static bool difference_round(const state *s, bool is_backwards, double extra[DIFFERENCES])
{
    static const struct {
        subject before, ours, calls;
    } pairs[DIFFERENCES] = {{SUBJECTS, OURS_NEW, CALLS_NEW},
                            {SUBJECTS, OURS_KEPT, CALLS_KEPT},
                            {SUBJECTS, OURS_OBJECT, CALLS_KEPT},
                            {MCJIT, OURS_KEPT, CALLS_KEPT}};
    for (uint32_t i = 0; i < DIFFERENCES; i++) {
        subject first = is_backwards ? pairs[i].calls : pairs[i].ours,
                second = is_backwards ? pairs[i].ours : pairs[i].calls;
        double took[2];
        if (!sample_pair(s, pairs[i].before, first, &took[0]) || !sample_pair(s, pairs[i].before, second, &took[1]))
            return false;
        extra[i] = is_backwards ? took[1] - took[0] : took[0] - took[1];
    }
    return true;
}

static bool small_run(bench_result *result, void *context)
{
    state *s = context;
    bench_group *group = &result->groups[result->n_groups - 2], *differences = group + 1;
    double took[SUBJECTS], extra[DIFFERENCES];
    bool ok = start_engines(s);
    for (uint32_t run = 0; ok && run < s->runs; run++) {
        ok = small_round(s, run, took);
        /* The first rounds read pages of libLLVM in and warm its heap. */
        if (!ok || run < s->runs / 20 + 1)
            continue;
        for (uint32_t who = 0; who < SUBJECTS; who++)
            bench_sample(group, who, took[who]);
        ok = difference_round(s, run % 2, extra);
        for (uint32_t i = 0; ok && i < DIFFERENCES; i++)
            bench_sample(differences, i, extra[i]);
    }
    stop_engines(s);
    return ok;
}

bool bench_compile_small(bench_result *result, const bench_inputs *inputs)
{
    state s = {.input = &inputs->add, .anchor_bitcode = inputs->add.bitcode, .level = 0, .runs = SMALL_RUNS};
    bench_group *group = bench_group_add(result, "compile-small", "add -O0", "us");
    snprintf(group->note, sizeof group->note,
             "bitcode of one function to an address. llvm calls: context, parse, verify, emit, dispose, and no address "
             "at the end; ownjit verifies too, LLVM's engines do not");
    for (uint32_t who = 0; who < SUBJECTS; who++)
        bench_series_add(group, subject_names[who]);
    group = bench_group_add(result, "compile-small-extra", "add -O0", "us");
    group->is_comparable = false;
    snprintf(group->note, sizeof group->note,
             "what ownjit takes beyond the LLVM calls, round by round, each right after another of its own kind; "
             "\"after mcjit\": "
             "both after something else, with the linker's code out of the nearer caches");
    for (uint32_t i = 0; i < DIFFERENCES; i++)
        bench_series_add(group, difference_names[i]);
    return bench_isolated(small_run, result, &s);
}

#define N_LARGE 5u

static bool large_run(bench_result *result, void *context)
{
    static const subject subjects[N_LARGE] = {OURS_KEPT, CALLS_KEPT, MCJIT, RUNTIMEDYLD_KEPT, JITLINK_KEPT};
    state *s = context;
    bench_group *group = &result->groups[result->n_groups - 1];
    bool ok = start_engines(s);
    double took;
    for (uint32_t run = 0; ok && run < s->runs; run++)
        for (uint32_t n = 0; ok && n < N_LARGE; n++) {
            uint32_t i = run % 2 ? N_LARGE - 1 - n : n;
            ok = sample(s, subjects[i], true, &took);
            if (ok)
                bench_sample(group, i, took / 1000.0);
        }
    stop_engines(s);
    return ok;
}

bool bench_compile_large(bench_result *result, const bench_inputs *inputs)
{
    static const char *const names[N_LARGE] = {"ownjit", "llvm calls", "mcjit", "lljit runtimedyld", "lljit jitlink"};
    state all[] = {{.input = &inputs->lua, .anchor_bitcode = inputs->add.bitcode, .level = 2, .runs = LARGE_RUNS},
                   {.input = &inputs->sqlite, .anchor_bitcode = inputs->add.bitcode, .level = 0, .runs = LARGE_RUNS}};
    bool ok = true;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char input[32];
        snprintf(input, sizeof input, "%s -O%u", all[i].input->name, all[i].level);
        bench_group *group = bench_group_add(result, "compile-large", input, "ms");
        snprintf(group->note, sizeof group->note,
                 "bitcode that clang has optimised to an address: code generation of that level, no IR passes, then "
                 "linking");
        for (size_t who = 0; who < N_LARGE; who++)
            bench_series_add(group, names[who]);
        ok = bench_isolated(large_run, result, &all[i]) && ok;
    }
    return ok;
}
