/* What the process's unwinder finds while functions come and go, against a list of what it should. The functions are at
 * addresses where nothing is mapped: finding an entry reads no code. */
#include "support/machine.h"
#include "support/process.h"
#include "support/test.h"

#include "code/sheet.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#define BASE (sizeof(void *) < 8 ? UINT64_C(0x10000000) : UINT64_C(0x10000000000))
#define PAGE UINT64_C(4096)

/* As struct dwarf_eh_bases of libgcc. */
typedef struct bases {
    void *text;
    void *data;
    void *function;
} bases;

typedef struct function {
    uint64_t addr;
    uint64_t size;
    oj_record record; /* data NULL: not registered */
} function;

/* Are functions said to be in a slab, so that a tree is told of them in tables that they share? */
static bool is_shared;

static const uint8_t cfi[] = {0x0c, 7, 8, 0x90, 1};
static const oji_eh_cie plain = {.program = cfi,
                                 .program_size = sizeof cfi,
                                 .return_register = 16,
                                 .code_alignment = 1,
                                 .data_alignment = -8,
                                 .lsda_encoding = 0xff};

static oj_status add_with(function *f, const oji_eh_cie *cie, const uint8_t *program, uint32_t program_size)
{
    oji_eh_fde fde = {.addr = f->addr, .size = f->size, .program = program, .program_size = program_size};
    oji_unwind_range range = {f->addr, f->size, is_shared};
    oji_unwind_tables tables = {.cies = cie, .n_cies = 1, .fdes = &fde, .n_fdes = 1, .ranges = &range, .n_ranges = 1};
    oj_error error = {0};
    f->record = (oj_record){.kind = 0};
    return oji_unwind_add(&tables, &f->record, &error);
}

static void add(function *f)
{
    assert_int_equal(add_with(f, &plain, NULL, 0), OJ_OK);
    assert_non_null(f->record.data);
    assert_true(oji_unwind_registry.is_known(&f->record));
}

static void remove_function(function *f)
{
    oji_unwind_registry.undo(&f->record);
    assert_false(oji_unwind_registry.is_known(&f->record));
    f->record.data = NULL;
}

static const uint8_t *find(uint64_t pc, uint64_t *start)
{
    bases found = {0};
    const uint8_t *fde = oji_unwinder_bind()->find((void *)(uintptr_t)pc, &found);
    *start = (uint64_t)(uintptr_t)found.function;
    return fde;
}

static void expect_found(const function *f)
{
    const uint64_t pcs[] = {f->addr, f->addr + f->size / 2, f->addr + f->size - 1};
    for (size_t i = 0; i < 3; i++) {
        uint64_t start;
        const uint8_t *fde = find(pcs[i], &start);
        if (!fde || start != f->addr)
            fail_msg("0x%llx of [0x%llx, +0x%llx): %s 0x%llx", (unsigned long long)pcs[i], (unsigned long long)f->addr,
                     (unsigned long long)f->size, fde ? "found" : "nothing", (unsigned long long)start);
        assert_int_equal(oji_load64_host(fde + OJI_EH_FDE_ADDR), f->addr);
        assert_int_equal(oji_load64_host(fde + OJI_EH_FDE_SIZE), f->size);
    }
}

static void expect_nothing(uint64_t pc)
{
    uint64_t start;
    assert_null(find(pc, &start));
}

/* --- a model ------------------------------------------------------------------------------------------------------ */

#define SPAN UINT64_C(0x40000)
#define MOST 2000u

typedef struct model {
    function functions[MOST]; /* those with data are registered; in no order */
    uint8_t used[SPAN / 16];
    uint64_t seed;
    uint64_t one_in; /* so many is in no slab, whatever else lies there; 0: all are what the test says */
} model;

static uint64_t roll(model *m, uint64_t below)
{
    m->seed = m->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (m->seed >> 33) % below;
}

static void mark(model *m, const function *f, uint8_t value)
{
    memset(m->used + (f->addr - BASE) / 16, value, (size_t)(f->size + 15) / 16);
}

/* At a random place, or right behind or before another, where allocators put most. */
static bool choose_place(model *m, function *f)
{
    uint64_t at = roll(m, SPAN / 16), n;
    f->size = 1 + roll(m, roll(m, 10) == 0 ? 3000 : 100);
    n = (f->size + 15) / 16;
    if (roll(m, 4) > 0)
        while (at + n < SPAN / 16 && memchr(m->used + at, 1, (size_t)n))
            at++;
    f->addr = BASE + 16 * at;
    return at + n < SPAN / 16 && !memchr(m->used + at, 1, (size_t)n);
}

static void check_all(const model *m)
{
    for (uint32_t i = 0; i < MOST; i++)
        if (m->functions[i].record.data)
            expect_found(&m->functions[i]);
    for (uint64_t i = 0; i < SPAN / 16; i++)
        if (!m->used[i])
            expect_nothing(BASE + 16 * i);
}

static void step_model(model *m, uint64_t share)
{
    function *f = &m->functions[roll(m, MOST)];
    if (f->record.data) {
        if (roll(m, 100) >= share)
            return;
        mark(m, f, 0);
        remove_function(f);
        expect_nothing(f->addr);
    } else if (choose_place(m, f)) {
        mark(m, f, 1);
        if (m->one_in > 0)
            is_shared = roll(m, m->one_in) > 0;
        add(f);
        expect_found(f);
    }
}

/* Grows, churns, shrinks to nothing, and once more. */
static void follow_model(uint64_t one_in)
{
    static const uint64_t shares[] = {5, 50, 100, 5, 100};
    model *m = calloc(1, sizeof *m);
    m->one_in = one_in;
    m->seed = getenv("OJT_SEED") ? strtoull(getenv("OJT_SEED"), NULL, 0) : 1;
    for (size_t s = 0; s < OJI_COUNT(shares); s++) {
        for (uint32_t i = 0; i < 6000; i++)
            step_model(m, shares[s]);
        check_all(m);
    }
    for (uint32_t i = 0; i < MOST; i++)
        if (m->functions[i].record.data) {
            mark(m, &m->functions[i], 0);
            remove_function(&m->functions[i]);
        }
    check_all(m);
    free(m);
}

static void unwind_registry_follows_a_model(void **state)
{
    (void)state;
    follow_model(0);
}

/* Slabs that hold tables of single codes as well. */
static void unwind_registry_follows_a_model_of_both(void **state)
{
    (void)state;
    follow_model(3);
    follow_model(100);
}

/* --- orders ------------------------------------------------------------------------------------------------------- */

static void add_many(function *all, uint32_t n, uint64_t base, int64_t step)
{
    for (uint32_t i = 0; i < n; i++) {
        all[i] = (function){.addr = base + (uint64_t)(step * (int64_t)i), .size = 16};
        add(&all[i]);
    }
    for (uint32_t i = 0; i < n; i++)
        expect_found(&all[i]);
}

static void remove_many(function *all, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        remove_function(&all[i]);
        expect_nothing(all[i].addr);
        if (i + 1 < n)
            expect_found(&all[i + 1]);
    }
}

static void unwind_registry_any_order_of_addresses(void **state)
{
    static function up[3000], down[3000], far[300];
    (void)state;
    add_many(up, 3000, BASE, 16);
    add_many(down, 3000, BASE + 0x100000, -16);
    add_many(far, 300, BASE + 0x1000000, 0x10000);
    for (uint32_t i = 0; i < 3000; i++)
        expect_found(&up[i]);
    remove_many(down, 3000);
    remove_many(far, 300);
    remove_many(up, 3000);
}

/* Two stretches of addresses become one when what lies between is filled. */
static void unwind_registry_gap_between_two_is_filled(void **state)
{
    function low = {.addr = BASE, .size = 100}, high = {.addr = BASE + 16 * PAGE, .size = 100};
    function middle = {.addr = BASE + 100, .size = 16 * PAGE - 200};
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        add(&low);
        add(&high);
        expect_nothing(middle.addr);
        add(&middle);
        expect_found(&low);
        expect_found(&middle);
        expect_found(&high);
        remove_function(round == 1 ? &middle : &low);
        expect_nothing(round == 1 ? middle.addr : low.addr);
        expect_found(&high);
        remove_function(round == 1 ? &low : &middle);
        expect_found(&high);
        remove_function(&high);
        expect_nothing(high.addr);
    }
}

/* Look-ups for what is above all linked code, as other libraries are, do not search it: entries of functions in the
 * middle may not even be read. */
static void unwind_registry_what_is_above_is_not_searched(void **state)
{
    enum { N = 4000 };
    static function functions[N];
    uint64_t start;
    uintptr_t low, high;
    (void)state;
    if (oji_unwinder_bind()->kind != OJI_UNWINDER_SHEETS)
        skip();
    add_many(functions, N, BASE, 16);
    low = ((uintptr_t)find(functions[N / 4].addr, &start) + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    high = (uintptr_t)find(functions[N - N / 4].addr, &start) & ~(uintptr_t)(PAGE - 1);
    assert_in_range(high, low + PAGE, low + 64 * PAGE);
    assert_int_equal(mprotect((void *)low, high - low, PROT_NONE), 0);
    expect_found(&functions[N - 1]);
    expect_nothing(BASE + 16 * N);
    expect_nothing(BASE << 4);
    assert_int_equal(mprotect((void *)low, high - low, PROT_READ | PROT_WRITE), 0);
    remove_many(functions, N);
}

/* --- contents ----------------------------------------------------------------------------------------------------- */

/* More instructions than an entry of the common size has room for, and more than the smallest blocks. */
static void unwind_registry_long_programs(void **state)
{
    static uint8_t program[5000];
    static const uint32_t sizes[] = {0, 1, 26, 27, 34, 35, 36, 60, 120, 1000, 5000};
    function functions[OJI_COUNT(sizes)];
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(sizes); i++) {
        functions[i] = (function){.addr = BASE + 64 * i, .size = 64};
        assert_int_equal(add_with(&functions[i], &plain, program, sizes[i]), OJ_OK);
    }
    for (size_t i = 0; i < OJI_COUNT(sizes); i++)
        expect_found(&functions[i]);
    for (size_t i = 0; i < OJI_COUNT(sizes); i++)
        remove_function(&functions[i]);
}

/* Each code may bring a CIE that no other has. */
static void unwind_registry_many_cies(void **state)
{
    static function functions[500];
    (void)state;
    for (uint32_t i = 0; i < 500; i++) {
        oji_eh_cie cie = plain;
        cie.personality = BASE + i;
        cie.lsda_encoding = 0;
        functions[i] = (function){.addr = BASE + 32 * i, .size = 32};
        assert_int_equal(add_with(&functions[i], &cie, NULL, 0), OJ_OK);
    }
    for (uint32_t i = 0; i < 500; i++) {
        uint64_t start;
        const uint8_t *fde = find(functions[i].addr, &start);
        const uint8_t *cie = fde + 4 - (int32_t)oji_load32_host(fde + 4);
        assert_int_equal(cie[8], 1);
        assert_string_equal((const char *)cie + 9, "zRPL");
        assert_int_equal(oji_load64_host(cie + 14 + 3 + 3), BASE + i);
    }
    for (uint32_t i = 0; i < 500; i++)
        remove_function(&functions[i]);
}

/* What shares a slab's stretch with a table that was registered by itself is found, whichever comes and goes first. */
static void unwind_registry_single_table_inside_slab(void **state)
{
    function single = {.addr = BASE + 0x300, .size = 0x40}, later = {.addr = BASE + 0x200, .size = 0x40};
    function shared[] = {{.addr = BASE + 0x100, .size = 0x40},
                         {.addr = BASE + 0x400, .size = 0x40},
                         {.addr = BASE + 0x3ff0, .size = 0x40},
                         {.addr = BASE + 0x2000, .size = 0x40}};
    (void)state;
    for (unsigned round = 0; round < 24; round++) {
        is_shared = false;
        add(&single);
        is_shared = true;
        for (uint32_t i = 0; i < OJI_COUNT(shared); i++)
            add(&shared[(i * 3 + round) % OJI_COUNT(shared)]);
        is_shared = false;
        add(&later);
        expect_found(&single);
        expect_found(&later);
        for (uint32_t i = 0; i < OJI_COUNT(shared); i++)
            expect_found(&shared[i]);
        if (round % 2)
            remove_function(&single);
        for (uint32_t i = 0; i < OJI_COUNT(shared); i++) {
            remove_function(&shared[(i + round / 4) % OJI_COUNT(shared)]);
            expect_found(&later);
        }
        if (round % 2 == 0)
            remove_function(&single);
        expect_nothing(single.addr);
        remove_function(&later);
        expect_nothing(later.addr);
    }
}

static void unwind_registry_records_of_others_unknown(void **state)
{
    function f = {.addr = BASE, .size = 16};
    oj_record other;
    (void)state;
    add(&f);
    other = f.record;
    other.addr++;
    assert_false(oji_unwind_registry.is_known(&other));
    other = f.record;
    other.data = (void *)((uintptr_t)other.data + 1);
    assert_false(oji_unwind_registry.is_known(&other));
    other.data = (void *)UINTPTR_MAX;
    assert_false(oji_unwind_registry.is_known(&other));
    remove_function(&f);
}

/* Functions of a few bytes that begin anywhere, as compilers pack them to save room: all are of one code, between
 * others. */
static void unwind_registry_small_functions_packed(void **state)
{
    enum { N = 900 };
    static oji_eh_fde fdes[N];
    function below = {.addr = BASE, .size = 16}, above = {.addr = BASE + 16 * N, .size = 16}, one;
    oji_unwind_range range = {BASE + 16, 0, is_shared};
    oji_unwind_tables tables = {
        .cies = &plain, .n_cies = 1, .fdes = fdes, .n_fdes = N, .ranges = &range, .n_ranges = 1};
    oj_record record = {.kind = 0};
    oj_error error;
    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        fdes[i] = (oji_eh_fde){.addr = range.addr + range.size, .size = 1 + i * 7 % 11};
        range.size += fdes[i].size + i % 3;
    }
    add(&below);
    add(&above);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(oji_unwind_add(&tables, &record, &error), OJ_OK);
        for (uint32_t i = 0; i < N; i++) {
            one = (function){.addr = fdes[i].addr, .size = fdes[i].size};
            expect_found(&one);
            if (i % 3 > 0)
                expect_nothing(one.addr + one.size);
        }
        expect_found(&below);
        expect_found(&above);
        oji_unwind_registry.undo(&record);
        expect_nothing(fdes[N / 2].addr);
        expect_found(&below);
        expect_found(&above);
    }
    remove_function(&below);
    remove_function(&above);
}

/* Small functions across every border that a table for a stretch of addresses can have, one after another. */
static void unwind_registry_functions_across_borders(void **state)
{
    static function functions[400];
    (void)state;
    for (uint32_t i = 0; i < 400; i++) {
        functions[i] = (function){.addr = BASE + 0x1000 + 1008 * i, .size = 1000};
        add(&functions[i]);
    }
    for (uint32_t i = 0; i < 400; i++)
        expect_found(&functions[i]);
    for (uint32_t i = 0; i < 400; i += 2) {
        remove_function(&functions[i]);
        expect_nothing(functions[i].addr + 999);
    }
    for (uint32_t i = 1; i < 400; i += 2)
        expect_found(&functions[i]);
    for (uint32_t i = 1; i < 400; i += 2)
        remove_function(&functions[i]);
}

/* Where code comes and goes at the same addresses its entries take no more and more memory, while others live there.
 * Tables of their own are the heap's. */
static void unwind_registry_entries_are_used_again(void **state)
{
    static const uint8_t program[300];
    function kept = {.addr = BASE, .size = 16}, f;
    uintptr_t lowest = UINTPTR_MAX, highest = 0;
    (void)state;
    add(&kept);
    for (uint32_t i = 0; i < 40000; i++) {
        uint64_t start;
        uintptr_t entry;
        f = (function){.addr = BASE + 16 + 64 * (i * 7 % 50), .size = 1 + i % 64};
        assert_int_equal(add_with(&f, &plain, program, i * 13 % 300), OJ_OK);
        entry = (uintptr_t)find(f.addr, &start);
        lowest = entry < lowest ? entry : lowest;
        highest = entry > highest ? entry : highest;
        remove_function(&f);
    }
    expect_found(&kept);
    remove_function(&kept);
    if (is_shared || oji_unwinder_bind()->kind == OJI_UNWINDER_SHEETS)
        assert_true(highest - lowest < 128 * 1024);
}

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context, void *n)
{
    (void)context;
    ++*(unsigned *)n;
    return _URC_NO_REASON;
}

static __attribute__((noinline)) unsigned count_frames(void)
{
    unsigned n = 0;
    _Unwind_Backtrace(count_frame, &n);
    return n;
}

/* While a leaf is made, code of its stretch that has no tables is found to be the mark's. */
static void unwind_registry_stack_ends_at_a_mark(void **state)
{
    static uint64_t object[OJI_UNWINDER_OBJECT_SIZE / 8];
    const oji_unwinder *unwinder = oji_unwinder_bind();
    uint8_t *mark;
    unsigned n = count_frames();
    (void)state;
    if (unwinder->kind == OJI_UNWINDER_NONE)
        skip();
    if (OJT_MACHINE == EM_RISCV && n <= 2) {
        print_message("skipped: its compilers give functions of C no tables unless asked\n");
        skip();
    }
    mark = oji_entry_make_mark((uintptr_t)count_frames);
    assert_non_null(mark);
    oji_store64_host(mark + OJI_EH_FDE_SIZE, 4096);
    unwinder->add(mark, object);
    assert_in_range(count_frames(), 1, 2);
    unwinder->remove(mark);
    oji_entry_free_mark(mark);
    assert_int_equal(count_frames(), n);
    assert_true(n > 2);
}

/* --- several ranges, threads, fork -------------------------------------------------------------------------------- */

/* Sections that a client scatters: ranges of one link, between those of another. */
static void unwind_registry_ranges_of_links_alternate(void **state)
{
    enum { N = 40 };
    oji_eh_fde fdes[2][N];
    oji_unwind_range ranges[2][N];
    oj_record records[2];
    oj_error error;
    uint64_t start;
    (void)state;
    for (unsigned l = 0; l < 2; l++) {
        oji_unwind_tables tables = {
            .cies = &plain, .n_cies = 1, .fdes = fdes[l], .n_fdes = N, .ranges = ranges[l], .n_ranges = N};
        for (unsigned i = 0; i < N; i++) {
            fdes[l][i] = (oji_eh_fde){.addr = BASE + 512 * i + 256 * l, .size = 200};
            ranges[l][i] = (oji_unwind_range){fdes[l][i].addr, 200, is_shared};
        }
        records[l] = (oj_record){.kind = 0};
        assert_int_equal(oji_unwind_add(&tables, &records[l], &error), OJ_OK);
    }
    for (unsigned i = 0; i < 2 * N; i++) {
        assert_non_null(find(BASE + 256 * i + 199, &start));
        assert_int_equal(start, BASE + 256 * i);
        expect_nothing(BASE + 256 * i + 200);
    }
    oji_unwind_registry.undo(&records[0]);
    for (unsigned i = 0; i < 2 * N; i++)
        assert_int_equal(find(BASE + 256 * i, &start) != NULL, i % 2 == 1);
    oji_unwind_registry.undo(&records[1]);
    expect_nothing(BASE + 256);
}

static atomic_bool stop;

/* Looks for functions that are there all the time. */
static void *look(void *context)
{
    const function *kept = context;
    uintptr_t missed = 0;
    for (uint32_t i = 0; !stop; i = (i + 1) % 64) {
        uint64_t start;
        const uint8_t *fde = find(kept[i].addr + 7, &start);
        missed += !fde || start != kept[i].addr || oji_load64_host(fde + OJI_EH_FDE_SIZE) != kept[i].size;
    }
    return (void *)missed;
}

static void unwind_registry_nothing_live_missed_meanwhile(void **state)
{
    static function kept[64], others[64][30];
    pthread_t threads[2];
    void *missed;
    (void)state;
    for (uint32_t i = 0; i < 64; i++) {
        kept[i] = (function){.addr = BASE + 1024 * i, .size = 64};
        add(&kept[i]);
    }
    stop = false;
    for (unsigned t = 0; t < 2; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, look, kept), 0);
    for (unsigned round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < 64; i++)
            for (uint32_t j = 0; j < 30; j++) {
                uint32_t step = round % 2 ? 29 - j : j;
                others[i][j] = (function){.addr = kept[i].addr + 64 + 32 * step, .size = 32 - round};
                add(&others[i][j]);
            }
        for (uint32_t i = 0; i < 64; i++)
            for (uint32_t j = 0; j < 30; j++)
                remove_function(&others[(i * 37) % 64][j]);
    }
    stop = true;
    for (unsigned t = 0; t < 2; t++) {
        pthread_join(threads[t], &missed);
        assert_int_equal((uintptr_t)missed, 0);
    }
    for (uint32_t i = 0; i < 64; i++)
        remove_function(&kept[i]);
}

/* Functions of one byte put between others while they are looked for. */
static void unwind_registry_nothing_live_missed_among_small_ones(void **state)
{
    static function kept[64], others[64][40];
    pthread_t thread;
    void *missed;
    (void)state;
    for (uint32_t i = 0; i < 64; i++) {
        kept[i] = (function){.addr = BASE + 200 * i, .size = 60};
        add(&kept[i]);
    }
    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, look, kept), 0);
    for (unsigned round = 0; round < 12; round++) {
        for (uint32_t i = 0; i < 64; i++)
            for (uint32_t j = 0; j < 40; j++) {
                others[i][j] = (function){.addr = kept[i].addr + 60 + (j * 37 + round) % 140, .size = 1};
                if (!find(others[i][j].addr, &(uint64_t){0}))
                    add(&others[i][j]);
            }
        for (uint32_t i = 0; i < 64; i++)
            for (uint32_t j = 0; j < 40; j++)
                if (others[i][j].record.data)
                    remove_function(&others[i][j]);
    }
    stop = true;
    pthread_join(thread, &missed);
    assert_int_equal((uintptr_t)missed, 0);
    for (uint32_t i = 0; i < 64; i++)
        remove_function(&kept[i]);
}

static void *churn(void *context)
{
    function f = {.addr = BASE + 0x100000, .size = 16};
    (void)context;
    while (!stop) {
        add(&f);
        remove_function(&f);
    }
    return NULL;
}

/* A child of a process with several threads registers and finds what it and its parent registered. */
static void unwind_registry_child_of_threads_goes_on(void **state)
{
    function inherited = {.addr = BASE, .size = 16}, own = {.addr = BASE + 16, .size = 16};
    pthread_t thread;
    (void)state;
    add(&inherited);
    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, churn, NULL), 0);
    stop = true;
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < 20; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            add(&own);
            expect_found(&own);
            expect_found(&inherited);
            remove_function(&own);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    remove_function(&inherited);
}

/* How an unwinder keeps its lists may not be what is expected: each link then has a table of its own. */
static void unwind_registry_unknown_lists_get_single_tables(void **state)
{
    oji_unwinder unknown = *oji_unwinder_bind();
    function f = {.addr = BASE, .size = 64};
    const oji_eh_fde fde = {.addr = f.addr, .size = f.size};
    const oji_unwind_range range = {.addr = f.addr, .size = f.size};
    const oji_unwind_tables tables = {
        .cies = &plain, .n_cies = 1, .fdes = &fde, .n_fdes = 1, .ranges = &range, .n_ranges = 1};
    const oji_unwind_part part = {&tables, &range, 0, 1, f.addr, f.addr + f.size};
    oji_image *image;
    (void)state;
    unknown.kind = OJI_UNWINDER_LISTS;
    image = oji_image_add(&unknown, &part);
    assert_non_null(image);
    expect_found(&f);
    expect_nothing(f.addr + f.size);
    oji_image_remove(&unknown, image);
    expect_nothing(f.addr);
}

/* Functions of more than 2 GiB are in no table that many share. */
static void unwind_registry_huge_range_in_slab(void **state)
{
    function f = {.addr = BASE, .size = UINT64_C(1) << 31};
    (void)state;
    if (oji_unwinder_bind()->kind != OJI_UNWINDER_LEAVES)
        skip();
    is_shared = true;
    add(&f);
    expect_found(&f);
    expect_nothing(f.addr + f.size);
    remove_function(&f);
    expect_nothing(f.addr);
}

static int n_told;
static void tell_second(const void *entry)
{
    (void)entry;
    n_told++;
}
static void tell_second_of_end(const void *entry)
{
    (void)entry;
    n_told--;
}

/* As where LLVM's unwinder was loaded beside libgcc: nobody looks for it any more, and it learns of what comes and
 * goes. */
static void add_for_both(void)
{
    const oji_unwinder second = {.add_entry = tell_second, .remove_entry = tell_second_of_end};
    oji_unwinder found = {0};
    function functions[2] = {{.addr = BASE, .size = 64}, {.addr = BASE + 64, .size = 64}};
    oji_unwinder_use_llvm(&second);
    assert_false(oji_unwinder_look_for_llvm(&found));
    add_many(functions, 2, BASE, 64);
    assert_int_equal(n_told, 2);
    remove_many(functions, 2);
    assert_int_equal(n_told, 0);
}

static void unwind_registry_second_unwinder_is_told(void **state)
{
    (void)state;
    assert_int_equal(ojt_returns_in_child(add_for_both), 0);
}

/* --- all of it once more, in a slab ------------------------------------------------------------------------------- */

#define IN_SLAB(name)                        \
    static void name##_in_slab(void **state) \
    {                                        \
        is_shared = true;                    \
        name(state);                         \
    }
IN_SLAB(unwind_registry_follows_a_model)
IN_SLAB(unwind_registry_any_order_of_addresses)
IN_SLAB(unwind_registry_gap_between_two_is_filled)
IN_SLAB(unwind_registry_long_programs)
IN_SLAB(unwind_registry_many_cies)
IN_SLAB(unwind_registry_entries_are_used_again)
IN_SLAB(unwind_registry_functions_across_borders)
IN_SLAB(unwind_registry_small_functions_packed)
IN_SLAB(unwind_registry_records_of_others_unknown)
IN_SLAB(unwind_registry_ranges_of_links_alternate)
IN_SLAB(unwind_registry_nothing_live_missed_meanwhile)
IN_SLAB(unwind_registry_nothing_live_missed_among_small_ones)
IN_SLAB(unwind_registry_child_of_threads_goes_on)
IN_SLAB(unwind_registry_second_unwinder_is_told)

OJT_MAIN(cmocka_unit_test(unwind_registry_stack_ends_at_a_mark), cmocka_unit_test(unwind_registry_follows_a_model),
         cmocka_unit_test(unwind_registry_any_order_of_addresses),
         cmocka_unit_test(unwind_registry_gap_between_two_is_filled),
         cmocka_unit_test(unwind_registry_what_is_above_is_not_searched),
         cmocka_unit_test(unwind_registry_long_programs), cmocka_unit_test(unwind_registry_many_cies),
         cmocka_unit_test(unwind_registry_entries_are_used_again),
         cmocka_unit_test(unwind_registry_functions_across_borders),
         cmocka_unit_test(unwind_registry_small_functions_packed),
         cmocka_unit_test(unwind_registry_records_of_others_unknown),
         cmocka_unit_test(unwind_registry_ranges_of_links_alternate),
         cmocka_unit_test(unwind_registry_nothing_live_missed_meanwhile),
         cmocka_unit_test(unwind_registry_nothing_live_missed_among_small_ones),
         cmocka_unit_test(unwind_registry_child_of_threads_goes_on),
         cmocka_unit_test(unwind_registry_unknown_lists_get_single_tables),
         cmocka_unit_test(unwind_registry_single_table_inside_slab),
         cmocka_unit_test(unwind_registry_huge_range_in_slab),
         cmocka_unit_test(unwind_registry_second_unwinder_is_told),
         cmocka_unit_test(unwind_registry_follows_a_model_of_both),
         cmocka_unit_test(unwind_registry_follows_a_model_in_slab),
         cmocka_unit_test(unwind_registry_any_order_of_addresses_in_slab),
         cmocka_unit_test(unwind_registry_gap_between_two_is_filled_in_slab),
         cmocka_unit_test(unwind_registry_long_programs_in_slab), cmocka_unit_test(unwind_registry_many_cies_in_slab),
         cmocka_unit_test(unwind_registry_entries_are_used_again_in_slab),
         cmocka_unit_test(unwind_registry_functions_across_borders_in_slab),
         cmocka_unit_test(unwind_registry_small_functions_packed_in_slab),
         cmocka_unit_test(unwind_registry_records_of_others_unknown_in_slab),
         cmocka_unit_test(unwind_registry_ranges_of_links_alternate_in_slab),
         cmocka_unit_test(unwind_registry_nothing_live_missed_meanwhile_in_slab),
         cmocka_unit_test(unwind_registry_nothing_live_missed_among_small_ones_in_slab),
         cmocka_unit_test(unwind_registry_child_of_threads_goes_on_in_slab),
         cmocka_unit_test(unwind_registry_second_unwinder_is_told_in_slab))
