/* Linking for other architectures than the host's: what a relocation of each takes. */
#include "objects.h"

#include <ownjit/ownjit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RELOCS = 100000, NAMES = 1000, RUNS = 15, MAX_TARGETS = 8, MAX_SEGMENTS = 3 };
enum { WHOLE, WRITE };

typedef struct job {
    bench_bytes object;
    uint32_t n_relocs;
    const oj_definition *outside;
    oj_segment segments[MAX_SEGMENTS];
} job;

typedef struct took {
    double whole, write; /* microseconds */
} took;

/* Buffers are made once: pages that appear are not what is measured. */
static bool give_memory(job *j, oj_plan *plan)
{
    uint64_t addr = UINT64_C(0x10000000);
    for (size_t i = 0; i < oj_plan_segment_count(plan); i++) {
        void *write = j->segments[i].write;
        oj_segment *segment = &j->segments[i];
        if (i == MAX_SEGMENTS || oj_plan_segment(plan, i, segment, sizeof *segment) != OJ_OK)
            return bench_fail("more segments than an object should have");
        segment->write = write ? write : aligned_alloc(65536, (segment->size + 65535) & ~UINT64_C(65535));
        if (!segment->write)
            return bench_fail("out of memory");
        if (!write)
            memset(segment->write, 1, segment->size);
        segment->run_addr = addr;
        addr = (addr + segment->size + 0xffff) & ~UINT64_C(0xffff);
    }
    return true;
}

static bool write_plan(job *j, oj_plan *plan, double *microseconds, oj_error *error)
{
    oj_code *code;
    uint64_t start = bench_now();
    if (oj_plan_write(plan, j->segments, oj_plan_segment_count(plan), &code, error) != OJ_OK)
        return bench_fail("%s", error->text);
    *microseconds = bench_elapsed(start);
    oj_code_destroy(code);
    return true;
}

/* Statistics are asked for in a link that is not timed. */
static bool link_once(job *j, took *t, bool is_counted)
{
    oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(j->outside, NAMES)};
    oj_object_options object_options;
    oj_link_options options;
    oj_link_stats stats = {0};
    oj_object *object;
    oj_plan *plan;
    oj_error error;
    oj_object_options_init(&object_options);
    object_options.flags = OJ_OBJECT_BORROW;
    oj_link_options_init(&options);
    options.flags = OJ_LINK_KEEP_NO_SYMBOLS;
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    options.stats = is_counted ? &stats : NULL;
    options.stats_size = sizeof stats;
    uint64_t start = bench_now();
    if (oj_object_create(&object, j->object.data, j->object.size, &object_options, &error) != OJ_OK)
        return bench_fail("%s", error.text);
    bool ok = oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error) == OJ_OK ||
              bench_fail("%s", error.text);
    t->whole = bench_elapsed(start);
    ok = ok && give_memory(j, plan) && write_plan(j, plan, &t->write, &error);
    t->whole += t->write;
    if (is_counted) {
        ok = ok && BENCH_CHECK(stats.n_relocations == j->n_relocs);
    }
    if (ok)
        oj_plan_destroy(plan);
    oj_object_destroy(object);
    return ok;
}

static void free_job(job *j)
{
    for (size_t i = 0; i < MAX_SEGMENTS; i++)
        free(j->segments[i].write);
    free(j->object.data);
}

/* Every word of data names a function in turn, and those lie at equal distances. */
static bool check_words(const bench_target *t, const job *j, uint32_t n_units)
{
    /* The last segment: without a GOT there is no read-only one. */
    const uint8_t *data = NULL;
    uint32_t word = t->is_64 ? 8 : 4;
    for (size_t i = 0; i < MAX_SEGMENTS; i++)
        data = j->segments[i].kind == OJ_SEGMENT_DATA ? j->segments[i].write : data;
    for (uint32_t i = 0; data && i < n_units; i++) {
        uint64_t value = 0, expected = (uint64_t)(i % NAMES) * (n_units / NAMES) * t->size + t->is_thumb;
        for (uint32_t b = 0; b < word; b++)
            value |= (uint64_t)data[i * word + (t->is_big ? word - 1 - b : b)] << 8 * b;
        if (value != j->segments[0].run_addr + expected)
            return bench_fail("%s: word %u is 0x%llx", t->name, i, (unsigned long long)value);
    }
    return data != NULL;
}

/* Out of reach for branches where the address space allows. */
static bool name_outside(const bench_target *t, oj_definition *outside, char (*names)[16])
{
    for (uint32_t i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof names[i], "e%u", i);
        outside[i] = (oj_definition){names[i], (t->is_64 ? UINT64_C(0x7f0000000000) : UINT64_C(0xe0000000)) + i * 64};
    }
    return true;
}

/* Targets take turns, so that what disturbs one disturbs all. */
static bool relocations_run(bench_result *result, void *context)
{
    static oj_definition outside[MAX_TARGETS][NAMES];
    static char names[NAMES][16];
    static job jobs[MAX_TARGETS];
    bool ok = true;
    (void)context;
    for (uint32_t i = 0; ok && bench_targets[i].name; i++) {
        const bench_target *t = &bench_targets[i];
        uint32_t per_unit = 1;
        took warm;
        for (const bench_reloc *r = t->relocs; r->type != 0; r++)
            per_unit++;
        uint32_t n_units = RELOCS / per_unit / NAMES * NAMES;
        jobs[i].object = bench_units_object(t, n_units, NAMES, &jobs[i].n_relocs);
        jobs[i].outside = outside[i];
        ok = BENCH_CHECK(jobs[i].object.data) && name_outside(t, outside[i], names) &&
             link_once(&jobs[i], &warm, true) && check_words(t, &jobs[i], n_units);
    }
    for (uint32_t run = 0; ok && run < RUNS; run++)
        for (uint32_t i = 0; ok && bench_targets[i].name; i++) {
            took t;
            ok = link_once(&jobs[i], &t, false);
            bench_sample(&result->groups[WHOLE], i, t.whole * 1000 / jobs[i].n_relocs);
            bench_sample(&result->groups[WRITE], i, t.write * 1000 / jobs[i].n_relocs);
        }
    for (uint32_t i = 0; bench_targets[i].name; i++)
        free_job(&jobs[i]);
    return ok;
}

bool bench_relocations(bench_result *result, const bench_inputs *inputs)
{
    static const char *const names[] = {"relocations", "relocations-write"};
    static const char *const notes[] = {
        "reading the object, resolving, laying out and writing, divided by the relocations: calls inside and to stubs, "
        "addresses of data, GOT loads, words of data, in the forms that compilers write for each",
        "of that copying and relocating into buffers that are there"};
    (void)inputs;
    for (size_t g = 0; g < 2; g++) {
        bench_group *group = bench_group_add(result, names[g], "100,000", "ns");
        group->is_comparable = true;
        snprintf(group->note, sizeof group->note, "%s", notes[g]);
        for (uint32_t i = 0; bench_targets[i].name; i++)
            bench_series_add(group, bench_targets[i].name);
    }
    return bench_isolated(relocations_run, result, NULL);
}
