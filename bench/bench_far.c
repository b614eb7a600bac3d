/* Code for AArch64 that spans more than a branch reaches, written on this host for addresses of its own: 10,000
 * functions in 200 MB against 5,000 in 100 MB, which need no veneers, and planned against 20,000 in 400 MB, which
 * do. */
#include "bench.h"

#include <elf.h>
#include <ownjit/ownjit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FUNCTION_SIZE = 20 * 1024, CALLS = 4, NAME_SIZE = 8, RUNS = 15, MOST = 20000, MANY = 10000, FEW = 5000 };

#define CODE_ADDR UINT64_C(0x100000000)
#define RODATA_ADDR UINT64_C(0x120000000)
#define OUTSIDE_ADDR UINT64_C(0x7f0000000000)
/* BL reaches this far in both directions (Arm ARM, C6.2, "BL": 26 bits, counting words). */
#define BRANCH_REACH (INT64_C(1) << 27)

/* An object of n functions, each in a section of its own, as -ffunction-sections makes them. Symbol 0 is the format's,
 * symbol i + 1 function i, the last one outside the link. */
typedef struct program {
    uint32_t n;
    bench_bytes file;
} program;

/* Callees: the first function, which everybody calls; one anywhere; the next; one outside. */
static uint32_t callee_of(const program *p, uint32_t function, uint32_t call)
{
    const uint32_t callees[CALLS] = {0, function * 7919u % p->n, (function + 1) % p->n, p->n};
    return callees[call];
}

/* Where the parts of the file begin: a part is an array of elements of one size. */
typedef struct layout {
    size_t code, relocs, symbols, names, headers, end;
} layout;

static layout lay_out(uint32_t n)
{
    layout l;
    l.code = sizeof(Elf64_Ehdr);
    l.relocs = l.code + (size_t)n * FUNCTION_SIZE;
    l.symbols = l.relocs + (size_t)n * CALLS * sizeof(Elf64_Rela);
    l.names = l.symbols + (n + 2) * sizeof(Elf64_Sym);
    l.headers = l.names + (size_t)(n + 2) * NAME_SIZE;
    l.end = l.headers + (2 * (size_t)n + 3) * sizeof(Elf64_Shdr);
    return l;
}

static void put_function(const program *p, const layout *l, uint32_t i)
{
    uint32_t *code = (uint32_t *)(void *)(p->file.data + l->code + (size_t)i * FUNCTION_SIZE);
    Elf64_Rela *relocs = (Elf64_Rela *)(void *)(p->file.data + l->relocs) + (size_t)i * CALLS;
    Elf64_Shdr *headers = (Elf64_Shdr *)(void *)(p->file.data + l->headers);
    for (uint32_t word = 0; word < FUNCTION_SIZE / 4; word++)
        code[word] = 0xd503201f;              /* nop */
    code[FUNCTION_SIZE / 4 - 1] = 0xd65f03c0; /* ret */
    for (uint32_t call = 0; call < CALLS; call++) {
        uint64_t symbol = callee_of(p, i, call) + 1;
        /* Calls are as far apart as they can be, and not at a section's ends. */
        uint32_t word = (FUNCTION_SIZE / 4 - 2) / CALLS * call + 1;
        code[word] = 0x94000000; /* bl */
        relocs[call] = (Elf64_Rela){word * 4, ELF64_R_INFO(symbol, R_AARCH64_CALL26), 0};
    }
    headers[i + 1] = (Elf64_Shdr){.sh_type = SHT_PROGBITS,
                                  .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                                  .sh_offset = l->code + (size_t)i * FUNCTION_SIZE,
                                  .sh_size = FUNCTION_SIZE,
                                  .sh_addralign = 4};
    headers[p->n + 1 + i] = (Elf64_Shdr){.sh_type = SHT_RELA,
                                         .sh_offset = l->relocs + (size_t)i * CALLS * sizeof(Elf64_Rela),
                                         .sh_size = CALLS * sizeof(Elf64_Rela),
                                         .sh_link = 2 * p->n + 1,
                                         .sh_info = i + 1,
                                         .sh_entsize = sizeof(Elf64_Rela),
                                         .sh_addralign = 8};
}

static void put_symbols(const program *p, const layout *l)
{
    Elf64_Sym *symbols = (Elf64_Sym *)(void *)(p->file.data + l->symbols);
    Elf64_Shdr *headers = (Elf64_Shdr *)(void *)(p->file.data + l->headers);
    for (uint32_t i = 0; i <= p->n; i++) {
        uint32_t name = (i + 1) * NAME_SIZE;
        snprintf((char *)p->file.data + l->names + name, NAME_SIZE, "f%u", i);
        symbols[i + 1] = (Elf64_Sym){.st_name = name,
                                     .st_info = ELF64_ST_INFO(STB_GLOBAL, i < p->n ? STT_FUNC : STT_NOTYPE),
                                     .st_shndx = (Elf64_Section)(i < p->n ? i + 1 : SHN_UNDEF),
                                     .st_size = i < p->n ? FUNCTION_SIZE : 0};
    }
    headers[2 * p->n + 1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
                                         .sh_offset = l->symbols,
                                         .sh_size = l->names - l->symbols,
                                         .sh_link = 2 * p->n + 2,
                                         .sh_info = 1,
                                         .sh_entsize = sizeof(Elf64_Sym),
                                         .sh_addralign = 8};
    headers[2 * p->n + 2] =
        (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = l->names, .sh_size = l->headers - l->names, .sh_addralign = 1};
}

static bool build(program *p, uint32_t n)
{
    layout l = lay_out(n);
    p->n = n;
    p->file = (bench_bytes){calloc(1, l.end), l.end};
    if (!p->file.data)
        return bench_fail("out of memory");
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_REL,
                         .e_machine = EM_AARCH64,
                         .e_version = EV_CURRENT,
                         .e_shoff = l.headers,
                         .e_ehsize = sizeof header,
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = (Elf64_Half)(2 * n + 3),
                         .e_shstrndx = (Elf64_Half)(2 * n + 2)};
    memcpy(p->file.data, &header, sizeof header);
    for (uint32_t i = 0; i < n; i++)
        put_function(p, &l, i);
    put_symbols(p, &l);
    return true;
}

/* --- one link ----------------------------------------------------------------------------------------------------- */

/* What one link took, in microseconds, and what it made. */
typedef struct linked {
    double read, plan, write;
    oj_link_stats stats;
    oj_code *code;
} linked;

/* One room for the code and one for the GOT, touched before anything is timed. */
typedef struct room {
    uint8_t *bytes;
    size_t size;
    uint8_t *small;
} room;

enum { SMALL_ROOM = 1 << 20, CODE_ALIGNMENT = 1 << 12 };

static bool place(const oj_plan *plan, const room *into, oj_segment segments[2])
{
    for (size_t i = 0; i < oj_plan_segment_count(plan); i++) {
        if (!BENCH_CHECK(i < 2 && oj_plan_segment(plan, i, &segments[i], sizeof segments[i]) == OJ_OK))
            return false;
        bool is_code = segments[i].kind == OJ_SEGMENT_CODE;
        segments[i].write = is_code ? into->bytes : into->small;
        segments[i].run_addr = is_code ? CODE_ADDR : RODATA_ADDR;
        if (!BENCH_CHECK(segments[i].size <= (is_code ? into->size : SMALL_ROOM)))
            return false;
    }
    return true;
}

/* into NULL: no further than planning. */
static bool link_object(const oj_object *object, const program *p, const room *into, linked *out)
{
    char outside[NAME_SIZE];
    oj_definition definition = {outside, OUTSIDE_ADDR};
    oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(&definition, 1)};
    oj_link_options options;
    oj_segment segments[2];
    oj_plan *plan;
    oj_error error;
    snprintf(outside, sizeof outside, "f%u", p->n);
    oj_link_options_init(&options);
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    options.stats = &out->stats;
    options.stats_size = sizeof out->stats;
    uint64_t start = bench_now();
    if (oj_plan_create(&plan, &object, 1, &options, &error) != OJ_OK)
        return bench_fail("oj_plan_create: %s", error.text);
    out->plan = bench_elapsed(start);
    bool ok = !into || place(plan, into, segments);
    start = bench_now();
    if (ok && into && oj_plan_write(plan, segments, oj_plan_segment_count(plan), &out->code, &error) != OJ_OK)
        ok = bench_fail("oj_plan_write: %s", error.text);
    out->write = bench_elapsed(start);
    oj_plan_destroy(plan);
    return ok;
}

static bool link_program(const program *p, const room *into, linked *out)
{
    oj_object_options options;
    oj_object *object;
    oj_error error;
    memset(out, 0, sizeof *out);
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_BORROW;
    uint64_t start = bench_now();
    if (oj_object_create(&object, p->file.data, p->file.size, &options, &error) != OJ_OK)
        return bench_fail("oj_object_create: %s", error.text);
    out->read = bench_elapsed(start);
    bool ok = link_object(object, p, into, out);
    oj_object_destroy(object);
    return ok;
}

/* Functions of the link that some call of it cannot reach, as BL counts: each needs a veneer at least. */
static double count_far_callees(const program *p, const oj_code *code)
{
    uint64_t *addrs = calloc(p->n, sizeof *addrs);
    bool *is_far = calloc(p->n, sizeof *is_far);
    char name[NAME_SIZE];
    double n_far = 0;
    for (uint32_t i = 0; addrs && is_far && i < p->n; i++) {
        snprintf(name, sizeof name, "f%u", i);
        addrs[i] = oj_code_lookup_addr(code, name);
    }
    for (uint32_t i = 0; addrs && is_far && i < p->n; i++)
        for (uint32_t call = 0; call < CALLS - 1; call++) {
            uint64_t place = addrs[i] + 4 * ((FUNCTION_SIZE / 4 - 2) / CALLS * call + 1);
            uint32_t callee = callee_of(p, i, call);
            int64_t distance = (int64_t)(addrs[callee] - place);
            if (!is_far[callee] && (distance < -BRANCH_REACH || distance >= BRANCH_REACH)) {
                is_far[callee] = true;
                n_far++;
            }
        }
    free(is_far);
    free(addrs);
    return n_far;
}

/* --- the measurement ---------------------------------------------------------------------------------------------- */

enum { EACH, PLANNING, WRITING, VENEERS };

static bool sample(bench_result *result, const program *p, uint32_t series, const room *into, bool is_last)
{
    linked link;
    bool ok = link_program(p, into, &link);
    if (ok) {
        bench_sample(&result->groups[EACH], series, (link.read + link.plan + link.write) * 1000 / p->n);
        bench_sample(&result->groups[PLANNING], series, (link.read + link.plan) * 1000 / p->n);
        if (series == 0)
            bench_sample(&result->groups[WRITING], 0, link.write);
    }
    if (ok && is_last && series == 0) {
        bench_sample(&result->groups[VENEERS], 0, (double)link.stats.n_veneers);
        bench_sample(&result->groups[VENEERS], 1, count_far_callees(p, link.code));
        /* All calls to what is outside share one stub. */
        ok = BENCH_CHECK(link.stats.n_stubs == link.stats.n_veneers + 1);
    }
    oj_code_destroy(link.code);
    return ok;
}

static bool sample_plan(bench_result *result, const program *p)
{
    linked link;
    if (!link_program(p, NULL, &link))
        return false;
    bench_sample(&result->groups[PLANNING], 2, (link.read + link.plan) * 1000 / p->n);
    return true;
}

/* What a link cannot do without: the sections' bytes, one after the other, once. */
static void sample_copy(bench_result *result, const program *p, const room *into)
{
    layout l = lay_out(p->n);
    uint64_t start = bench_now();
    for (uint32_t i = 0; i < p->n; i++)
        memcpy(into->bytes + (size_t)i * FUNCTION_SIZE, p->file.data + l.code + (size_t)i * FUNCTION_SIZE,
               FUNCTION_SIZE);
    bench_sample(&result->groups[WRITING], 1, bench_elapsed(start));
}

static bool far_run(bench_result *result, void *context)
{
    program most = {0}, many = {0}, few = {0};
    room into = {.size = (size_t)MANY * FUNCTION_SIZE + SMALL_ROOM};
    (void)context;
    into.bytes = aligned_alloc(CODE_ALIGNMENT, into.size);
    into.small = aligned_alloc(CODE_ALIGNMENT, SMALL_ROOM);
    bool ok = (into.bytes && into.small) || bench_fail("out of memory");
    ok = ok && build(&most, MOST) && build(&many, MANY) && build(&few, FEW);
    if (ok) {
        memset(into.bytes, 1, into.size);
        memset(into.small, 1, SMALL_ROOM);
    }
    for (uint32_t run = 0; ok && run < RUNS; run++) {
        ok = sample(result, &many, 0, &into, run == RUNS - 1) && sample(result, &few, 1, &into, false) &&
             sample_plan(result, &most);
        if (ok)
            sample_copy(result, &many, &into);
    }
    free(most.file.data);
    free(many.file.data);
    free(few.file.data);
    free(into.bytes);
    free(into.small);
    return ok;
}

bool bench_far(bench_result *result, const bench_inputs *inputs)
{
    static const char input[] = "functions of 20 KiB";
    bench_group *each = bench_group_add(result, "aarch64-200mb", input, "ns");
    bench_group *planning = bench_group_add(result, "aarch64-200mb-plan", input, "ns");
    bench_group *writing = bench_group_add(result, "aarch64-200mb-write", input, "us");
    bench_group *veneers = bench_group_add(result, "aarch64-200mb-veneers", input, "");
    bench_group *by_size[] = {each, planning};
    (void)inputs;
    for (size_t i = 0; i < 2; i++) {
        bench_series_add(by_size[i], "ownjit 10,000 in 200 MB");
        bench_series_add(by_size[i], "5,000 in 100 MB");
    }
    bench_series_add(planning, "20,000 in 400 MB");
    bench_series_add(writing, "ownjit");
    bench_series_add(writing, "memcpy");
    bench_series_add(veneers, "ownjit veneers");
    bench_series_add(veneers, "callees out of reach");
    snprintf(each->note, sizeof each->note,
             "each function: reading the object, planning, writing into a buffer that was touched before; 4 calls a "
             "function, to the first, to any, to the next and to one outside");
    snprintf(planning->note, sizeof planning->note, "each function: the same without writing; 5,000 need no veneers");
    snprintf(writing->note, sizeof writing->note, "10,000: oj_plan_write(), against copying the same sections once");
    snprintf(veneers->note, sizeof veneers->note, "10,000: calls of one stretch of code to one callee share a veneer");
    return bench_isolated(far_run, result, NULL);
}
