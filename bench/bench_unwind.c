/* What unwind tables cost: 40,000 functions linked singly, exceptions before and after, and removing 2,000 of many. */
#include "bench.h"

#include <dlfcn.h>
#include <ownjit/ownjit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MANY 40000u
#define RUNS 5u
#define THROWS 2000u
#define LINKS_THEN_THROW 1000u

typedef void (*pass_function)(void (*)(void));

typedef struct unwind {
    const bench_inputs *inputs;
    oj_memory *memory;
    oj_object *object, *plain;
    pass_function pass_here;
    int (*catch_through)(pass_function);
} unwind;

/* dlsym(3) returns functions as object pointers. */
#define FETCH(library, name, function)               \
    do {                                             \
        void *found_ = dlsym(library, name);         \
        memcpy(&(function), &found_, sizeof found_); \
    } while (0)

static bool open_thrower(unwind *u)
{
    void *library = dlopen(u->inputs->thrower, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return bench_fail("dlopen: %s", dlerror());
    FETCH(library, "pass_here", u->pass_here);
    FETCH(library, "catch_through", u->catch_through);
    return BENCH_CHECK(u->pass_here && u->catch_through);
}

static bool prepare(unwind *u)
{
    oj_error error;
    bench_bytes pass = u->inputs->pass, plain = u->inputs->pass_plain;
    u->memory = bench_provider_create(OJ_MEMORY_MODE_VIEWS);
    if (!u->memory || !open_thrower(u))
        return false;
    if (oj_object_create(&u->object, pass.data, pass.size, NULL, &error) != OJ_OK ||
        oj_object_create(&u->plain, plain.data, plain.size, NULL, &error) != OJ_OK)
        return bench_fail("oj_object_create: %s", error.text);
    return true;
}

/* NULL: from bytes, which are parsed each time. */
static bool link_pass(const unwind *u, const oj_object *object, uint32_t flags, oj_code **code, pass_function *pass)
{
    oj_wanted wanted = {.name = "pass"};
    oj_link_options options;
    oj_status status;
    oj_error error;
    oj_link_options_init(&options);
    options.flags = flags | OJ_LINK_KEEP_NO_SYMBOLS;
    options.memory = u->memory;
    options.wanted = &wanted;
    options.n_wanted = 1;
    status = object ? oj_link(&object, 1, &options, code, &error)
                    : oj_link_bytes(u->inputs->pass.data, u->inputs->pass.size, &options, code, &error);
    if (status != OJ_OK)
        return bench_fail("pass: %s", error.text);
    memcpy(pass, &wanted.addr, sizeof *pass);
    return true;
}

static bool throw_through(const unwind *u, pass_function pass, double *took)
{
    uint64_t start = bench_now();
    int caught = u->catch_through(pass);
    *took = bench_elapsed(start);
    return BENCH_CHECK(caught == 1);
}

/* --- one table of a client's ------------------------------------------------------------------------------------- */

/* A CIE and an FDE for one byte at the address of the table itself, and the end: what a throw costs as soon as libgcc
 * has been told of anything. */
typedef struct bare_table {
    uint32_t cie_size, cie_id;
    uint8_t version;
    char augmentation[3];
    uint8_t code_alignment, data_alignment, return_register, data_size, fde_encoding, nops[7];
    uint32_t fde_size, cie_distance;
    const void *start;
    uint64_t size;
    uint8_t fde_data_size, more_nops[7];
    uint32_t end;
} bare_table;

static const bare_table *register_bare_table(void)
{
    static bare_table table = {.cie_size = 20,
                               .version = 1,
                               .augmentation = "zR",
                               .code_alignment = 1,
                               .data_alignment = 0x78,
                               .return_register = 16,
                               .data_size = 1,
                               .fde_size = 28,
                               .cie_distance = 28,
                               .start = &table,
                               .size = 1};
    static uint64_t object[8];
    void (*add)(const void *, void *) = NULL;
    FETCH(RTLD_DEFAULT, "__register_frame_info", add);
    if (!add)
        return NULL;
    add(&table, object);
    return &table;
}

static bool remove_bare_table(const bare_table *table)
{
    void *(*remove_table)(const void *) = NULL;
    FETCH(RTLD_DEFAULT, "__deregister_frame_info", remove_table);
    return BENCH_CHECK(remove_table && remove_table(table));
}

/* --- 40,000 linked singly ----------------------------------------------------------------------------------------- */

enum { TABLES, FROM_BYTES, NO_UNWIND, PLAIN, SUBJECTS };
enum { ALL, EXTRA, FIRST_THROW, ELSEWHERE, AFTER_LINK, INTERRUPTED, KEPT, GROUPS };

typedef struct subject_cost {
    double links; /* ms */
    double bytes;
    pass_function last;
} subject_cost;

/* Code and tables, less which "beyond" is told. */
static double own_bytes(const oj_code *code)
{
    oj_segment segment;
    double size = 0;
    for (size_t i = 0; oj_code_segment(code, i, &segment, sizeof segment) == OJ_OK; i++)
        size += (double)segment.size;
    return size;
}

static bool link_many(const unwind *u, uint32_t who, subject_cost *cost)
{
    oj_code *code = NULL; /* all stay: the process ends with them */
    const oj_object *object = who == FROM_BYTES ? NULL : who == PLAIN ? u->plain : u->object;
    uint32_t flags = who == NO_UNWIND ? OJ_LINK_NO_UNWIND : 0;
    bench_memory before = bench_memory_now();
    uint64_t start = bench_now();
    for (uint32_t i = 0; i < MANY; i++)
        if (!link_pass(u, object, flags, &code, &cost->last))
            return false;
    cost->links = bench_elapsed(start) / 1000;
    cost->bytes = (bench_memory_now().rss - before.rss) / MANY - own_bytes(code);
    return true;
}

static bool throw_elsewhere(const unwind *u, bench_group *group, uint32_t series)
{
    double took, sum = 0;
    for (uint32_t i = 0; i < THROWS; i++, sum += took)
        if (!throw_through(u, u->pass_here, &took))
            return false;
    bench_sample(group, series, sum / THROWS);
    return true;
}

/* libgcc sorts a table at its first use, which is not what is measured. */
static bool throw_beside_bare_table(const unwind *u, bench_group *group)
{
    const bare_table *table = register_bare_table();
    double took;
    return BENCH_CHECK(table != NULL) && throw_through(u, u->pass_here, &took) && throw_elsewhere(u, group, 1) &&
           remove_bare_table(table);
}

static long switches_now(void)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The worst and the median of many. Throws in whose midst another program was let run are counted, and left out. */
static bool throw_after_links(const unwind *u, bench_group *group, bench_group *interrupted)
{
    static double took[LINKS_THEN_THROW];
    uint32_t n = 0;
    for (uint32_t i = 0; i < LINKS_THEN_THROW; i++) {
        oj_code *code;
        pass_function pass;
        long switches;
        if (!link_pass(u, u->object, 0, &code, &pass))
            return false;
        switches = switches_now();
        if (!throw_through(u, pass, &took[n]))
            return false;
        n += switches == switches_now();
    }
    bench_sample(interrupted, 0, LINKS_THEN_THROW - n);
    if (!BENCH_CHECK(n > LINKS_THEN_THROW / 2))
        return false;
    qsort(took, n, sizeof *took, compare_doubles);
    bench_sample(group, 0, took[n - 1]);
    bench_sample(group, 1, took[n / 2]);
    return true;
}

/* What has no tables is linked first, so that the process has none until then. */
static bool many_run(bench_result *result, void *context)
{
    unwind *u = context;
    bench_group *groups = result->groups;
    subject_cost costs[SUBJECTS];
    double first;
    if (!prepare(u) || !link_many(u, PLAIN, &costs[PLAIN]) || !link_many(u, NO_UNWIND, &costs[NO_UNWIND]) ||
        !throw_elsewhere(u, &groups[ELSEWHERE], 0) || !throw_beside_bare_table(u, &groups[ELSEWHERE]) ||
        !link_many(u, TABLES, &costs[TABLES]) || !throw_through(u, costs[TABLES].last, &first) ||
        !throw_elsewhere(u, &groups[ELSEWHERE], 2) || !throw_after_links(u, &groups[AFTER_LINK], &groups[INTERRUPTED]))
        return false;
    costs[TABLES].links += first / 1000;
    bench_sample(&groups[ALL], TABLES, costs[TABLES].links);
    bench_sample(&groups[ALL], NO_UNWIND, costs[NO_UNWIND].links);
    bench_sample(&groups[ALL], PLAIN, costs[PLAIN].links);
    bench_sample(&groups[EXTRA], 0, costs[TABLES].links - costs[NO_UNWIND].links);
    bench_sample(&groups[FIRST_THROW], 0, first);
    bench_sample(&groups[KEPT], 0, costs[TABLES].bytes);
    bench_sample(&groups[KEPT], 1, costs[NO_UNWIND].bytes);
    return true;
}

static bool bytes_run(bench_result *result, void *context)
{
    unwind *u = context;
    subject_cost cost;
    double first;
    if (!prepare(u) || !link_many(u, FROM_BYTES, &cost) || !throw_through(u, cost.last, &first))
        return false;
    bench_sample(&result->groups[ALL], FROM_BYTES, cost.links + first / 1000);
    return true;
}

bool bench_unwind(bench_result *result, const bench_inputs *inputs)
{
    static const struct {
        const char *name, *unit, *note, *subjects[SUBJECTS + 1];
    } shown[GROUPS] = {
        {"unwind-40k",
         "ms",
         "40,000 functions linked singly, placing and the first throw through the last of them included",
         {"ownjit", "ownjit from bytes", "ownjit no-unwind", "no tables in object"}},
        {"unwind-40k-tables", "ms", "the same less what OJ_LINK_NO_UNWIND takes", {"ownjit"}},
        {"unwind-first-throw", "us", "through the last of them", {"ownjit"}},
        {"unwind-throw-elsewhere",
         "us",
         "thrown and caught in a library of the process, a mean of 2,000",
         {"nothing linked", "a table of one function", "ownjit 40,000 linked"}},
        {"unwind-throw-after-link",
         "us",
         "1,000 throws, each right after a link: the longest and the median of each run",
         {"ownjit", "median"}},
        {"unwind-throw-interrupted",
         "throws",
         "of the 1,000, in whose midst another program ran: left out",
         {"ownjit"}},
        {"unwind-beyond",
         "bytes",
         "resident size for each less its code's and tables' own bytes; no symbols kept",
         {"ownjit", "ownjit no-unwind"}},
    };
    bool ok = true;
    for (size_t g = 0; g < GROUPS; g++) {
        bench_group *group = bench_group_add(result, shown[g].name, "pass", shown[g].unit);
        snprintf(group->note, sizeof group->note, "%s", shown[g].note);
        group->is_comparable = g != AFTER_LINK && g != KEPT;
        for (const char *const *name = shown[g].subjects; *name; name++)
            bench_series_add(group, *name);
    }
    for (uint32_t run = 0; ok && run < RUNS; run++) {
        unwind many = {.inputs = inputs}, bytes = many;
        ok = bench_isolated(many_run, result, &many) && bench_isolated(bytes_run, result, &bytes);
    }
    return ok;
}

/* --- removing ----------------------------------------------------------------------------------------------------- */

#define FEW 2000u
#define ALL_LIVE 400000u
#define REMOVALS 20u

/* What was removed is linked again each time. They lie together, as the functions of one module do. */
static bool remove_some(const unwind *u, oj_code **codes, bench_group *group, uint32_t series)
{
    pass_function pass;
    for (uint32_t round = 0; round < REMOVALS; round++) {
        uint64_t start = bench_now();
        for (uint32_t i = 0; i < FEW; i++)
            oj_code_destroy(codes[i]);
        bench_sample(group, series, bench_elapsed(start));
        for (uint32_t i = 0; i < FEW; i++)
            if (!link_pass(u, u->object, 0, &codes[i], &pass))
                return false;
    }
    return true;
}

static bool remove_run(bench_result *result, void *context)
{
    static oj_code *codes[ALL_LIVE];
    unwind *u = context;
    bench_group *group = &result->groups[0];
    pass_function pass;
    for (uint32_t i = 0; i < ALL_LIVE; i++) {
        if ((i == 0 && !prepare(u)) || !link_pass(u, u->object, 0, &codes[i], &pass))
            return false;
        if (i + 1 == FEW && !remove_some(u, codes, group, 0))
            return false;
    }
    return remove_some(u, codes + ALL_LIVE / 2, group, 1);
}

bool bench_unwind_remove(bench_result *result, const bench_inputs *inputs)
{
    unwind u = {.inputs = inputs};
    bench_group *group = bench_group_add(result, "unwind-remove", "pass", "us");
    group->is_comparable = true;
    snprintf(group->note, sizeof group->note, "2,000 codes destroyed of as many, and of 400,000, tables and memory");
    bench_series_add(group, "2,000 of 2,000");
    bench_series_add(group, "ownjit of 400,000");
    return bench_isolated(remove_run, result, &u);
}
