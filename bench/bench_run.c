/* Code that runs: what density does for calls, and what it costs to change code in place. */
#include "bench.h"

#include <ownjit/ownjit.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- calls through packed functions ------------------------------------------------------------------------------- */

#define FUNCTIONS 10000u
#define PASSES 100u /* counted ones, each follows one that is not */

enum { PACKED_VIEWS, APART_VIEWS, PACKED_PRIVATE, APART_PRIVATE, PACKED_SUBJECTS };

static const char *const packed_names[PACKED_SUBJECTS] = {"ownjit views packed", "a page apart views",
                                                          "ownjit private packed", "a page apart private"};

typedef int (*function)(int, int);

typedef struct packed {
    const bench_input *input;
    oj_memory *memory[PACKED_SUBJECTS];
    function calls[PACKED_SUBJECTS][FUNCTIONS]; /* in the order they are called, which is one for all subjects */
    oj_code *codes[PACKED_SUBJECTS][FUNCTIONS];
    uint32_t order[FUNCTIONS];
} packed;

/* Fisher and Yates. */
static void shuffle(uint32_t *order, uint32_t n)
{
    uint64_t random = BENCH_SEED;
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t other = (uint32_t)(bench_random(&random) % (i + 1)), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

static bool packed_link(packed *p, uint32_t who)
{
    bool is_apart = who == APART_VIEWS || who == APART_PRIVATE;
    uint32_t flags = OJ_LINK_NO_UNWIND | (is_apart ? OJ_LINK_WHOLE_PAGES : 0);
    p->memory[who] = bench_provider_create(who <= APART_VIEWS ? OJ_MEMORY_MODE_VIEWS : OJ_MEMORY_MODE_PRIVATE);
    if (!p->memory[who])
        return false;
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        const char *entry = bench_add_rename(p->input->object, i);
        void *address = bench_link_object(p->memory[who], p->input->object, flags, entry, &p->codes[who][i]);
        if (!bench_check_add(address) || !BENCH_CHECK(!is_apart || (uintptr_t)address % 4096 == 0))
            return false;
        memcpy(&p->calls[who][p->order[i]], &address, sizeof address);
    }
    return true;
}

/* Each call needs the last one's result. The sum of 0 to FUNCTIONS - 1 comes out. */
static bool packed_pass(const packed *p, uint32_t who)
{
    const function *calls = p->calls[who];
    int sum = 0;
    for (uint32_t i = 0; i < FUNCTIONS; i++)
        sum = calls[i](sum, (int)i);
    return BENCH_CHECK(sum == (int)(FUNCTIONS * (FUNCTIONS - 1) / 2));
}

static bool packed_run(bench_result *result, void *context)
{
    packed *p = context;
    bench_group *group = &result->groups[result->n_groups - 1];
    bool ok = true;
    shuffle(p->order, FUNCTIONS);
    for (uint32_t who = 0; ok && who < PACKED_SUBJECTS; who++)
        ok = packed_link(p, who);
    for (uint32_t pass = 0; ok && pass < PASSES; pass++)
        for (uint32_t who = 0; ok && who < PACKED_SUBJECTS; who++) {
            ok = packed_pass(p, who);
            uint64_t start = bench_now();
            ok = packed_pass(p, who) && ok;
            bench_sample(group, who, bench_elapsed(start) * 1000 / FUNCTIONS);
        }
    for (uint32_t who = 0; ok && who < PACKED_SUBJECTS; who++) {
        for (uint32_t i = 0; i < FUNCTIONS; i++)
            oj_code_destroy(p->codes[who][i]);
        ok = bench_provider_destroy(p->memory[who]);
    }
    return ok;
}

bool bench_packed(bench_result *result, const bench_inputs *inputs)
{
    bench_group *group = bench_group_add(result, "packed-calls", "add x 10,000", "ns");
    packed *p = calloc(1, sizeof *p);
    if (!p)
        return bench_fail("out of memory");
    snprintf(group->note, sizeof group->note,
             "for each call through 10,000 functions of 8 bytes in a random order, the same for all, each call waiting "
             "for the last one's result; \"a page apart\" is OJ_LINK_WHOLE_PAGES. Every counted pass follows one "
             "that is not");
    for (uint32_t who = 0; who < PACKED_SUBJECTS; who++)
        bench_series_add(group, packed_names[who]);
    p->input = &inputs->add;
    bool ok = bench_isolated(packed_run, result, p);
    free(p);
    return ok;
}

/* --- patching ----------------------------------------------------------------------------------------------------- */

#define PATCH_RUNS 1000u

enum { PATCH_VIEWS, PATCH_VIEWS_STOPPED, PATCH_PRIVATE, PATCH_PRIVATE_STOPPED, PATCH_SUBJECTS };

static const char *const patch_names[PATCH_SUBJECTS] = {"ownjit views", "ownjit views stopped", "ownjit private",
                                                        "ownjit private stopped"};

typedef struct patching {
    const bench_input *input;
    bool is_run; /* by another thread, all the while */
    atomic_bool ends;
    atomic_uint n_wrong, n_rounds;
    oj_memory *memory[PATCH_SUBJECTS];
    oj_code *codes[PATCH_SUBJECTS];
    function calls[PATCH_SUBJECTS];
} patching;

/* Make the function add its second argument twice, or once again, and run it. Both have their instructions' boundaries
 * at the same places: a thread may be anywhere in them. */
static bool patch_once(const patching *p, uint32_t who, bool is_twice, double *took)
{
    static const uint8_t once[8] = {0x8d, 0x04, 0x37, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc};  /* lea (rdi,rsi),eax; ret */
    static const uint8_t twice[8] = {0x8d, 0x04, 0x77, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc}; /* lea (rdi,rsi,2),eax; ret */
    uint32_t flags = who == PATCH_VIEWS_STOPPED || who == PATCH_PRIVATE_STOPPED ? OJ_PATCH_STOPPED : 0;
    uint64_t addr = (uint64_t)(uintptr_t)p->calls[who];
    oj_error error;
    uint64_t start = bench_now();
    oj_status status = oj_code_patch(p->codes[who], addr, is_twice ? twice : once, 8, flags, &error);
    *took = bench_elapsed(start);
    if (status != OJ_OK)
        return bench_fail("oj_code_patch: %s", error.text);
    return BENCH_CHECK(p->calls[who](2, 3) == (is_twice ? 8 : 5));
}

/* Keep this thread to the n-th of the cores it may use, so that the two are never on one; false where there is none. */
static bool keep_to_core(size_t n)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return false;
    for (size_t core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, &allowed) && n-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(core, &one);
            return sched_setaffinity(0, sizeof one, &one) == 0;
        }
    return false;
}

/* The old answer or the new one, never another. */
static void *run_patched(void *context)
{
    patching *p = context;
    keep_to_core(1);
    while (!atomic_load_explicit(&p->ends, memory_order_relaxed)) {
        int views = p->calls[PATCH_VIEWS](2, 3), private = p->calls[PATCH_PRIVATE](2, 3);
        if ((views != 5 && views != 8) || (private != 5 && private != 8))
            p->n_wrong++;
        p->n_rounds++;
    }
    return NULL;
}

static bool patch_prepare(patching *p)
{
    bool ok = true;
    for (uint32_t who = 0; ok && who < PATCH_SUBJECTS; who++) {
        p->memory[who] =
            bench_provider_create(who <= PATCH_VIEWS_STOPPED ? OJ_MEMORY_MODE_VIEWS : OJ_MEMORY_MODE_PRIVATE);
        void *address = p->memory[who]
                            ? bench_link_object(p->memory[who], p->input->object, 0, p->input->entry, &p->codes[who])
                            : NULL;
        memcpy(&p->calls[who], &address, sizeof address);
        ok = bench_check_add(address);
    }
    return ok;
}

/* Subjects that say that nothing runs are left out where something does. */
static bool is_measured(const patching *p, uint32_t who)
{
    return !p->is_run || who == PATCH_VIEWS || who == PATCH_PRIVATE;
}

/* The other thread is running, and not only ready to. */
static void wait_for_round(patching *p)
{
    unsigned seen = p->n_rounds;
    while (p->n_rounds == seen)
        sched_yield();
}

static bool patch_all(patching *p, bench_group *group)
{
    bool ok = true;
    double took;
    for (uint32_t run = 0; ok && run < PATCH_RUNS; run++)
        for (uint32_t who = 0; ok && who < PATCH_SUBJECTS; who++) {
            if (!is_measured(p, who))
                continue;
            if (p->is_run)
                wait_for_round(p);
            ok = patch_once(p, who, run % 2 == 0, &took);
            if (ok && run > 1)
                bench_sample(group, who, took);
        }
    return ok;
}

static bool patch_run(bench_result *result, void *context)
{
    patching *p = context;
    bench_group *group = &result->groups[result->n_groups - 1];
    pthread_t thread;
    bool ok = patch_prepare(p);
    if (!ok)
        return false;
    if (p->is_run) {
        if (!BENCH_CHECK(pthread_create(&thread, NULL, run_patched, p) == 0))
            return false;
        keep_to_core(0);
    }
    ok = patch_all(p, group);
    if (p->is_run) {
        p->ends = true;
        ok = BENCH_CHECK(pthread_join(thread, NULL) == 0) && BENCH_CHECK(p->n_wrong == 0) && ok;
    }
    for (uint32_t who = 0; who < PATCH_SUBJECTS; who++) {
        oj_code_destroy(p->codes[who]);
        ok = bench_provider_destroy(p->memory[who]) && ok;
    }
    return ok;
}

bool bench_patch(bench_result *result, const bench_inputs *inputs)
{
    static const char *const names[] = {"add", "add, running"};
    bool ok = true;
    for (uint32_t i = 0; i < 2; i++) {
        bench_group *group = bench_group_add(result, "patch", names[i], "us");
        patching *p = calloc(1, sizeof *p);
        if (!p)
            return bench_fail("out of memory");
        snprintf(group->note, sizeof group->note,
                 "oj_code_patch of one aligned word of 8 bytes, until every thread runs the new bytes; %s. stopped: "
                 "OJ_PATCH_STOPPED. LLVM's engines have nothing to compare with",
                 i ? "another thread on another core runs the functions all the while" : "no other thread exists");
        group->is_comparable = false;
        for (uint32_t who = 0; who < PATCH_SUBJECTS; who++)
            bench_series_add(group, patch_names[who]);
        p->input = &inputs->add;
        p->is_run = i == 1;
        ok = bench_isolated(patch_run, result, p) && ok;
        free(p);
    }
    return ok;
}
