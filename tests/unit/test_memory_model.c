/* Random placing and releasing against a simple model: a list of what is live, each filled with its own pattern. Any
 * overlap, any reuse of live memory and any wrong address shows as a pattern that changed. */
#include "test_memory_support.h"

enum { LIVE = 400 };

typedef struct entry {
    ojt_link link;
    uint32_t pattern;
} entry;

static uint8_t byte_of(const entry *e, int k, uint64_t j) { return (uint8_t)(e->pattern * 31 + (uint32_t)k * 7 + j); }

static void fill(entry *e)
{
    for (size_t k = 0; k < e->link.placement.n_segments; k++)
        for (uint64_t j = 0; j < e->link.segments[k].size; j++)
            ((uint8_t *)e->link.segments[k].write)[j] = byte_of(e, (int)k, j);
}

static void check(const entry *e)
{
    for (size_t k = 0; k < e->link.placement.n_segments; k++) {
        const uint8_t *run = (const uint8_t *)(uintptr_t)e->link.segments[k].run_addr;
        uint64_t size = e->link.segments[k].size, step = size > 10000 ? 61 : 1;
        for (uint64_t j = 0; j < size; j += step)
            if (run[j] != byte_of(e, (int)k, j))
                fail_msg("byte %llu of segment %zu is not its own", (unsigned long long)j, k);
    }
}

static uint64_t random_size(uint64_t *random)
{
    uint64_t r = ojt_random(random);
    switch (r % 40) {
    case 0:
        return (r >> 8) % 3000000 + 1;
    case 1:
    case 2:
        return (r >> 8) % 60000 + 1;
    case 3:
    case 4:
    case 5:
    case 6:
        return 0;
    default:
        return (r >> 8) % 500 + 1;
    }
}

static bool random_link(entry *e, uint64_t *random)
{
    ojt_link_init(&e->link, random_size(random), random_size(random), random_size(random));
    if (e->link.placement.n_segments == 0)
        return false;
    for (size_t k = 0; k < e->link.placement.n_segments; k++)
        e->link.segments[k].alignment = UINT64_C(1) << ojt_random(random) % (ojt_random(random) % 50 ? 8 : 17);
    if (ojt_random(random) % 30 == 0)
        e->link.placement.flags = OJ_PLACEMENT_WHOLE_PAGES;
    if (ojt_random(random) % 10 == 0)
        e->link.placement.high_addr = UINT64_C(1) << 32;
    e->pattern = (uint32_t)ojt_random(random);
    return true;
}

static uint64_t sum_sizes(const entry *live, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < live[i].link.placement.n_segments; k++)
            sum += live[i].link.segments[k].size;
    return sum;
}

static void run_steps(uint32_t mode, int n_steps)
{
    static entry live[LIVE];
    uint64_t random = ojt_seed();
    oj_memory *memory = ojt_memory(mode, 0);
    size_t n_live = 0;
    for (int step = 0; step < n_steps; step++) {
        if (n_live < LIVE && ojt_random(&random) % 100 < 52) {
            entry *e = &live[n_live];
            oj_error error;
            if (!random_link(e, &random))
                continue;
            if (ojt_place(memory, &e->link, &error) != OJ_OK)
                fail_msg("%s", error.text);
            fill(e);
            if (ojt_random(&random) % 20 == 0) { /* a link that failed after it was placed */
                ojt_release(memory, &e->link);
                continue;
            }
            ojt_publish(memory, &e->link);
            n_live++;
        } else if (n_live > 0) {
            size_t i = ojt_random(&random) % n_live;
            check(&live[i]);
            ojt_release(memory, &live[i].link);
            live[i] = live[--n_live];
        }
        if (step % 200 == 0) {
            oj_memory_stats stats = ojt_stats(memory);
            assert_int_equal(stats.n_placements, n_live);
            assert_int_equal(stats.used - stats.lost, sum_sizes(live, n_live));
            for (size_t i = 0; i < n_live; i++)
                check(&live[i]);
            ojt_count_mappings();
        }
    }
    while (n_live > 0) {
        check(&live[--n_live]);
        ojt_release(memory, &live[n_live].link);
    }
    assert_int_equal(ojt_stats(memory).used, 0);
    assert_int_equal(ojt_stats(memory).lost, 0);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

static void model_random_steps_views(void **state)
{
    (void)state;
    run_steps(OJ_MEMORY_MODE_VIEWS, 4000);
}

static void model_random_steps_private(void **state)
{
    (void)state;
    run_steps(OJ_MEMORY_MODE_PRIVATE, 4000);
}

/* --- a long run --------------------------------------------------------------------------------------------------- */

#ifdef OJT_SANITIZED
enum { SOAK_STEPS = 100000 };
#else
enum { SOAK_STEPS = 1000000 };
#endif

static uint64_t heap_bytes;

static void *soak_allocate(void *context, size_t size)
{
    (void)context;
    heap_bytes += size;
    return malloc(size);
}

static void soak_release(void *context, void *pointer, size_t size)
{
    (void)context;
    heap_bytes -= size;
    free(pointer);
}

static void place_random(const oj_memory *memory, ojt_link *link, uint64_t *random)
{
    uint64_t largest = ojt_random(random) % 2000 == 0 ? 200000 : 400;
    oj_error error;
    ojt_link_init(link, ojt_random(random) % largest + 1, ojt_random(random) % 100 + 1, ojt_random(random) % 64);
    if (ojt_place(memory, link, &error) != OJ_OK)
        fail_msg("%s", error.text);
    /* Publishing takes most of the time in private mode. */
    if (ojt_random(random) % 16 == 0) {
        *(volatile uint8_t *)link->segments[0].write = 0xC3;
        ojt_publish(memory, link);
    }
}

typedef struct soak_state {
    uint64_t heap;
    uint64_t mapped;
    uint64_t reserved;
    size_t n_mappings;
} soak_state;

static void grow_to(soak_state *most, const oj_memory *memory)
{
    oj_memory_stats stats = ojt_stats(memory);
    size_t n_mappings = ojt_count_mappings();
    most->heap = heap_bytes > most->heap ? heap_bytes : most->heap;
    most->mapped = stats.mapped > most->mapped ? stats.mapped : most->mapped;
    most->reserved = stats.reserved > most->reserved ? stats.reserved : most->reserved;
    most->n_mappings = n_mappings > most->n_mappings ? n_mappings : most->n_mappings;
}

/* After a warm-up, any number of steps at a bounded amount of live code takes no more of anything; and when all of it
 * ends, so does all that was taken for it, but for one small slab. */
static void soak(uint32_t mode)
{
    enum { N = 1000 };
    static ojt_link links[N];
    uint64_t random = ojt_seed();
    oj_allocator allocator;
    oj_memory_options options;
    oj_memory *memory;
    soak_state warm = {0}, late = {0};
    size_t before = ojt_count_mappings();
    oj_allocator_init(&allocator);
    allocator.allocate = soak_allocate;
    allocator.release = soak_release;
    oj_memory_options_init(&options);
    options.mode = mode;
    options.allocator = &allocator;
    assert_int_equal(oj_memory_create(&memory, &options, NULL), OJ_OK);
    memset(links, 0, sizeof links);
    for (int step = 0; step < SOAK_STEPS; step++) {
        ojt_link *link = &links[ojt_random(&random) % N];
        if (link->placement.n_segments != 0)
            ojt_release(memory, link);
        place_random(memory, link, &random);
        if (step % (SOAK_STEPS / 100) == 0 && step > 0)
            grow_to(step < SOAK_STEPS / 2 ? &warm : &late, memory);
    }
    assert_int_equal(late.heap, warm.heap);
    /* How many of the larger links live at once, and where code is put, is a matter of chance. */
    assert_true(late.mapped <= warm.mapped + 1024u * 1024u);
    assert_true(late.reserved <= warm.reserved + 4096u * 1024u);
#ifndef OJT_SANITIZED
    assert_true(late.n_mappings <= warm.n_mappings + 24);
#endif
    assert_true(warm.mapped <= N * 600 * 3 + 4096u * 1024u);
    for (size_t i = 0; i < N; i++)
        if (links[i].placement.n_segments != 0)
            ojt_release(memory, &links[i]);
    assert_int_equal(ojt_stats(memory).used, 0);
    assert_true(ojt_stats(memory).mapped <= 256u * 1024u);
    /* The page that tells a fork stays with the process. */
    ojt_expect_mappings(before + 9);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    ojt_expect_mappings(before + 1);
    assert_int_equal(heap_bytes, 0);
}

static void model_no_growth_views(void **state)
{
    (void)state;
    soak(OJ_MEMORY_MODE_VIEWS);
}

static void model_no_growth_private(void **state)
{
    (void)state;
    soak(OJ_MEMORY_MODE_PRIVATE);
}

OJT_MAIN(cmocka_unit_test(model_random_steps_views), cmocka_unit_test(model_random_steps_private),
         cmocka_unit_test(model_no_growth_views), cmocka_unit_test(model_no_growth_private))
