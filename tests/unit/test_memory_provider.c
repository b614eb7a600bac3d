/* The default provider through its public table: placing, running, taking back, accounts, limits. */
#include "test_memory_support.h"

#include "support/heap.h"

#include <sys/mman.h>

static void provider_code_runs_and_is_reused(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link first, link;
        ojt_link_value(memory, &first, 42);
        assert_int_equal(ojt_run(first.segments[0].run_addr), 42);
        for (uint32_t i = 0; i < 5000; i++) {
            ojt_link_value(memory, &link, i);
            assert_int_equal(ojt_run(link.segments[0].run_addr), i);
            ojt_release(memory, &link);
        }
        assert_int_equal(ojt_run(first.segments[0].run_addr), 42);
        /* Reused, or 5,000 functions would be there. */
        assert_true(ojt_stats(memory).mapped < 256u * 1024u);
        ojt_release(memory, &first);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void provider_segments_hold_what_was_written(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        /* Small, many pages in a slab, and a slab of its own. */
        static const uint64_t sizes[] = {100, 90000, 3000000};
        for (size_t i = 0; i < 3; i++) {
            ojt_link link;
            ojt_link_init(&link, sizes[i], sizes[i] / 2, sizes[i] / 4);
            assert_int_equal(ojt_place(memory, &link, NULL), OJ_OK);
            for (int k = 0; k < 3; k++)
                for (uint64_t j = 0; j < link.segments[k].size; j++)
                    ((uint8_t *)link.segments[k].write)[j] = (uint8_t)(j * 7 + (uint64_t)k);
            ojt_publish(memory, &link);
            for (int k = 0; k < 3; k++)
                for (uint64_t j = 0; j < link.segments[k].size; j++)
                    assert_int_equal(((const uint8_t *)(uintptr_t)link.segments[k].run_addr)[j],
                                     (uint8_t)(j * 7 + (uint64_t)k));
            ojt_release(memory, &link);
        }
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void provider_zeroed_flag_is_true(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        for (uint32_t round = 0; round < 3000; round++) {
            ojt_link link;
            ojt_link_init(&link, 40 + round % 100, 24 + round % 70, 48 + round % 50);
            assert_int_equal(ojt_place(memory, &link, NULL), OJ_OK);
            for (int k = 0; k < 3; k++) {
                uint8_t *write = link.segments[k].write;
                if (link.segments[k].flags & OJ_SEGMENT_ZEROED)
                    for (uint64_t j = 0; j < link.segments[k].size; j++)
                        assert_int_equal(write[j], 0);
                memset(write, 0xFF, link.segments[k].size);
            }
            ojt_publish(memory, &link);
            ojt_release(memory, &link);
        }
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void provider_freed_code_traps(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link keep, links[600];
        ojt_link_value(memory, &keep, 1);
        for (uint32_t i = 0; i < 600; i++)
            ojt_link_value(memory, &links[i], i);
        /* Enough for private mode to have filled a batch. */
        for (uint32_t i = 0; i < 600; i++)
            ojt_release(memory, &links[i]);
        for (uint32_t i = 0; i < 512; i++)
            for (uint64_t j = 0; j < OJT_CODE_SIZE; j++)
                assert_int_equal(((const uint8_t *)(uintptr_t)links[i].segments[0].run_addr)[j], 0xCC);
        assert_int_equal(ojt_run(keep.segments[0].run_addr), 1);
        ojt_release(memory, &keep);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void provider_alignment_is_kept(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        for (uint64_t alignment = 1; alignment <= 1u << 20; alignment *= 2) {
            ojt_link links[3];
            for (int i = 0; i < 3; i++) {
                ojt_link_init(&links[i], 10, 10, 10);
                for (int k = 0; k < 3; k++)
                    links[i].segments[k].alignment = alignment;
                assert_int_equal(ojt_place(memory, &links[i], NULL), OJ_OK);
                for (int k = 0; k < 3; k++) {
                    assert_int_equal(links[i].segments[k].run_addr % alignment, 0);
                    assert_int_equal((uintptr_t)links[i].segments[k].write % alignment, 0);
                }
            }
            for (int i = 0; i < 3; i++)
                ojt_release(memory, &links[i]);
        }
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void provider_windows_are_kept(void **state)
{
    static const struct {
        uint64_t low, high;
    } windows[] = {{0, UINT64_C(1) << 31},
                   {0, UINT64_C(1) << 32},
#ifndef OJT_SANITIZED /* AddressSanitizer has all of it */
                   {UINT64_C(1) << 31, UINT64_C(1) << 32},
                   {UINT64_C(1) << 40, UINT64_C(1) << 41},
#endif
                   {UINT64_C(0x10000000), UINT64_C(0x10400000)}};
    static const uint64_t sizes[] = {100, 200000, 2000000};
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
            if (windows[w].low > UINTPTR_MAX) /* 32 bits have no such addresses */
                continue;
            for (size_t s = 0; s < 3; s++) {
                ojt_link link;
                oj_error error;
                ojt_link_init(&link, sizes[s], sizes[s] / 4, sizes[s] / 4);
                link.placement.low_addr = windows[w].low;
                link.placement.high_addr = windows[w].high;
                if (ojt_place(memory, &link, &error) != OJ_OK)
                    fail_msg("%s", error.text);
                for (int k = 0; k < 3; k++)
                    assert_true(link.segments[k].run_addr >= windows[w].low &&
                                link.segments[k].run_addr + link.segments[k].size <= windows[w].high);
                ojt_write_code(link.segments[0].write, 7);
                ojt_publish(memory, &link);
                assert_int_equal(ojt_run(link.segments[0].run_addr), 7);
                ojt_release(memory, &link);
            }
        }
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void provider_impossible_window_names_it(void **state)
{
    ojt_link link;
    oj_error error;
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link_init(&link, 100, 100, 100);
        link.placement.high_addr = 0x8000; /* below all that a process may map */
        assert_int_equal(ojt_place(memory, &link, &error), OJ_E_NOMEM);
        assert_non_null(strstr(error.text, "0x8000"));
        assert_int_equal(link.segments[0].run_addr, 0);
        assert_null(link.segments[0].write);
        ojt_link_init(&link, 5000, 5000, 5000);
        link.placement.reach = 8192;
        assert_int_equal(ojt_place(memory, &link, &error), OJ_E_NOMEM);
        assert_non_null(strstr(error.text, "0x2000"));
        assert_int_equal(ojt_stats(memory).n_placements, 0);
        assert_int_equal(ojt_stats(memory).mapped, 0);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void provider_reach_is_kept(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link link;
        ojt_link_init(&link, 100, 100, 100);
        link.placement.reach = 65536; /* less than a shared slab spans */
        assert_int_equal(ojt_place(memory, &link, NULL), OJ_OK);
        assert_true(link.segments[2].run_addr + 100 - link.segments[0].run_addr <= 65536);
        ojt_release(memory, &link);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

typedef struct find_file {
    uint64_t addr;
    bool is_private;
} find_file;

static void see_private(void *context, uint64_t start, uint64_t end, const char *access)
{
    find_file *find = context;
    if (find->addr >= start && find->addr < end)
        find->is_private = access[3] == 'p';
}

/* Per link, whatever the provider's mode; both kinds live side by side. */
static void provider_private_placement_is_private(void **state)
{
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_VIEWS, 0);
    (void)state;
    for (uint64_t size = 16; size < 4000000; size *= 100000) {
        ojt_link links[4];
        for (uint32_t i = 0; i < 4; i++) {
            find_file find;
            ojt_link_init(&links[i], size, 16, 16);
            links[i].placement.flags = i % 2 ? OJ_PLACEMENT_PRIVATE : 0;
            assert_int_equal(ojt_place(memory, &links[i], NULL), OJ_OK);
            ojt_write_code(links[i].segments[0].write, i);
            ojt_publish(memory, &links[i]);
            find = (find_file){.addr = links[i].segments[0].run_addr};
            ojt_each_mapping(see_private, &find);
            assert_int_equal(find.is_private, i % 2);
        }
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(ojt_run(links[i].segments[0].run_addr), i);
            ojt_release(memory, &links[i]);
        }
    }
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

/* Windows around slightly different variables share a slab. */
static void provider_similar_windows_share_a_slab(void **state)
{
    enum { N = 50 };
    static ojt_link links[N];
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_VIEWS, 0);
    static int variable;
    uint64_t centre = (uint64_t)(uintptr_t)&variable, radius = (UINT64_C(1) << 31) - (UINT64_C(1) << 24);
    (void)state;
    ojt_needs_64_bits("its windows are larger than what 32 bits address");
    for (uint64_t i = 0; i < N; i++) {
        ojt_link_init(&links[i], 100, 100, 100);
        links[i].placement.low_addr = centre - radius + i * 3000;
        links[i].placement.high_addr = centre + radius - i * 3000;
        assert_int_equal(ojt_place(memory, &links[i], NULL), OJ_OK);
    }
    assert_true(ojt_stats(memory).n_mappings <= 6);
    for (uint64_t i = 0; i < N; i++)
        ojt_release(memory, &links[i]);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

static void provider_near_the_libraries_by_default(void **state)
{
    oj_memory *memory = ojt_memory(0, 0);
    ojt_link link;
    int64_t distance;
    (void)state;
    ojt_link_value(memory, &link, 1);
    distance = (int64_t)(link.segments[0].run_addr - (uint64_t)(uintptr_t)&l64a); /* of the C library, no interceptor */
    assert_true(distance < INT32_MAX && distance > INT32_MIN);
    ojt_release(memory, &link);
    oj_memory_destroy(memory, NULL);
}

static void provider_whole_pages_are_shared_with_nothing(void **state)
{
    enum { N = 20 };
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link links[N];
        for (int i = 0; i < N; i++) {
            ojt_link_init(&links[i], 10, 20, 5000);
            links[i].placement.flags = i % 2 ? OJ_PLACEMENT_WHOLE_PAGES : 0;
            assert_int_equal(ojt_place(memory, &links[i], NULL), OJ_OK);
        }
        for (int i = 1; i < N; i += 2)
            for (int k = 0; k < 3; k++) {
                uint64_t low = links[i].segments[k].run_addr;
                uint64_t high = (low + links[i].segments[k].size + 4095) & ~UINT64_C(4095);
                assert_int_equal(low % 4096, 0);
                for (int j = 0; j < N; j++)
                    for (int l = 0; l < 3; l++)
                        assert_true((i == j && k == l) || links[j].segments[l].run_addr >= high ||
                                    links[j].segments[l].run_addr + links[j].segments[l].size <= low);
            }
        for (int i = 0; i < N; i++)
            ojt_release(memory, &links[i]);
        assert_int_equal(ojt_stats(memory).used, 0);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void provider_budget_is_soft(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 1u << 20);
        ojt_link links[4000], large;
        oj_memory_stats before, after;
        oj_error error;
        size_t n = 0;
        do
            ojt_link_init(&links[n], 600, 100, 100);
        while (ojt_place(memory, &links[n], &error) == OJ_OK && ++n < 4000);
        assert_true(n > 500 && n < 4000);
        assert_int_equal(error.status, OJ_E_BUDGET);
        assert_non_null(strstr(error.text, "1048576"));
        before = ojt_stats(memory);
        assert_true(before.mapped <= 1u << 20);
        ojt_link_init(&large, 2000000, 0, 0);
        assert_int_equal(ojt_place(memory, &large, &error), OJ_E_BUDGET);
        after = ojt_stats(memory);
        assert_memory_equal(&before, &after, sizeof before);
        /* Freeing makes room at once, waiting code included. */
        for (size_t i = 0; i < 10; i++)
            ojt_release(memory, &links[i]);
        for (size_t i = 0; i < 10; i++)
            assert_int_equal(ojt_place(memory, &links[i], &error), OJ_OK);
        for (size_t i = 0; i < n; i++)
            ojt_release(memory, &links[i]);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void expect_kind(const oj_memory_stats *stats, uint32_t kind, uint64_t reserved, uint64_t mapped, uint64_t lost)
{
    assert_int_equal(stats->reserved_by_kind[kind], reserved);
    assert_int_equal(stats->mapped_by_kind[kind], mapped);
    assert_int_equal(stats->free_by_kind[kind], mapped - stats->used_by_kind[kind]);
    assert_int_equal(stats->lost_by_kind[kind], lost);
}

static void provider_stats_add_up(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link small, large;
        oj_memory_stats stats;
        ojt_link_init(&small, 17, 33, 1);
        ojt_link_init(&large, 3000000, 100, 0);
        assert_int_equal(ojt_place(memory, &small, NULL), OJ_OK);
        assert_int_equal(ojt_place(memory, &large, NULL), OJ_OK);
        stats = ojt_stats(memory);
        assert_int_equal(stats.mode, mode);
        assert_int_equal(stats.n_placements, 2);
        assert_int_equal(stats.used_by_kind[OJ_SEGMENT_CODE], 32 + 3000000);
        assert_int_equal(stats.used_by_kind[OJ_SEGMENT_RODATA], 48 + 100);
        assert_int_equal(stats.used_by_kind[OJ_SEGMENT_DATA], 16);
        assert_int_equal(stats.used_by_kind[0], 0);
        assert_int_equal(stats.used, 32 + 3000000 + 48 + 100 + 16);
        assert_int_equal(stats.lost, 15 + 15 + 15);
        assert_int_equal(stats.mapped, 3 * 4096 + 733 * 4096 + 4096);
        assert_int_equal(stats.free, stats.mapped - stats.used);
        assert_int_equal(stats.peak_used, stats.used);
        assert_true(stats.reserved > 32u << 20 && stats.n_mappings >= 8 && stats.n_mappings <= 13);
        expect_kind(&stats, OJ_SEGMENT_CODE, (16u << 20) + 733 * 4096, 4096 + 733 * 4096, 15);
        expect_kind(&stats, OJ_SEGMENT_RODATA, (8u << 20) + 4096, 4096 + 4096, 15);
        expect_kind(&stats, OJ_SEGMENT_DATA, 8u << 20, 4096, 15);
        assert_int_equal(stats.reserved_by_kind[0] + stats.reserved_by_kind[1] + stats.reserved_by_kind[2] +
                             stats.reserved_by_kind[3],
                         stats.reserved);
        assert_int_equal(stats.mapped_by_kind[0] + stats.free_by_kind[0] + stats.lost_by_kind[0], 0);
        ojt_release(memory, &large);
        ojt_release(memory, &small);
        stats = ojt_stats(memory);
        assert_int_equal(stats.used, 0);
        assert_int_equal(stats.lost, 0);
        assert_int_equal(stats.n_placements, 0);
        assert_int_equal(stats.peak_used, 32 + 3000000 + 48 + 100 + 16);
        expect_kind(&stats, OJ_SEGMENT_CODE, 16u << 20, 4096, 0); /* the slab that is kept for the next */
        expect_kind(&stats, OJ_SEGMENT_DATA, 8u << 20, 4096, 0);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

/* What is kept when all is released: one small slab at most. */
static void provider_large_use_goes_back(void **state)
{
    enum { N = 20000 };
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link *links = malloc(N * sizeof *links);
        size_t before = ojt_count_mappings();
        for (size_t i = 0; i < N; i++) {
            ojt_link_init(&links[i], 2000, 500, 100);
            assert_int_equal(ojt_place(memory, &links[i], NULL), OJ_OK);
            if (i % 100 == 0)
                ojt_publish(memory, &links[i]);
        }
        for (size_t i = 0; i < N; i++)
            ojt_release(memory, &links[i * 7919 % N]);
        assert_true(ojt_stats(memory).mapped <= 256u * 1024u);
        ojt_expect_mappings(before + 8);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
        ojt_expect_mappings(before);
        free(links);
    }
}

static void provider_100000_functions_are_dense(void **state)
{
    enum { N = 100000 };
    ojt_link *links = malloc(N * sizeof *links);
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_VIEWS, 0);
    size_t before = ojt_count_mappings();
    oj_memory_stats stats;
    (void)state;
    assert_non_null(links);
    for (uint32_t i = 0; i < N; i++)
        ojt_link_value(memory, &links[i], i);
    stats = ojt_stats(memory);
    ojt_expect_mappings(before + 64);
    assert_true(stats.n_mappings <= 64);
    assert_true(stats.mapped <= (uint64_t)N * (OJT_CODE_SIZE + 56 + 8 + 64));
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(ojt_run(links[i].segments[0].run_addr), i);
    for (uint32_t i = 0; i < N; i++)
        ojt_release(memory, &links[i]);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    free(links);
}

/* Pages that are moved in merge with what is there: the mappings do not grow with the links. */
static void provider_private_mappings_stay_few(void **state)
{
    enum { N = 3000 };
    static ojt_link links[N];
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_PRIVATE, 0);
    size_t before = ojt_count_mappings();
    (void)state;
    for (uint32_t i = 0; i < N; i++)
        ojt_link_value(memory, &links[i], i);
    ojt_expect_mappings(before + 10);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(ojt_run(links[i].segments[0].run_addr), i);
    for (uint32_t i = 0; i < N; i += 2)
        ojt_release(memory, &links[i]);
    for (uint32_t i = 1; i < N; i += 2)
        assert_int_equal(ojt_run(links[i].segments[0].run_addr), i);
    for (uint32_t i = 0; i < N; i += 2)
        ojt_link_value(memory, &links[i], i + 7);
    ojt_expect_mappings(before + 10);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(ojt_run(links[i].segments[0].run_addr), i % 2 ? i : i + 7);
        ojt_release(memory, &links[i]);
    }
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

static void provider_patch_changes_running_code(void **state)
{
    (void)state;
    ojt_only_on_x86("changes instructions of x86");
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        for (uint64_t size = 64; size <= 3000000; size *= 200) {
            ojt_link link, neighbour;
            uint8_t bytes[16] = {0};
            uint32_t value = 99;
            oj_error error;
            uint64_t addr;
            ojt_link_value(memory, &neighbour, 5);
            ojt_link_init(&link, size, 16, 16);
            assert_int_equal(ojt_place(memory, &link, NULL), OJ_OK);
            memset(link.segments[0].write, 0x90, size);
            ojt_write_code((uint8_t *)link.segments[0].write + size - 8, 1);
            ojt_publish(memory, &link);
            addr = link.segments[0].run_addr + size - 8;
            assert_int_equal(ojt_run(link.segments[0].run_addr), 1);
            assert_int_equal(memory->patch(memory->context, &link.placement, addr + 1, &value, 4, 1, &error), OJ_OK);
            assert_int_equal(ojt_run(link.segments[0].run_addr), 99);
            assert_int_equal(ojt_run(neighbour.segments[0].run_addr), 5);
            ojt_write_code(bytes + 2, 7);
            memset(bytes, 0x90, 2);
            assert_int_equal(memory->patch(memory->context, &link.placement, addr - 8, bytes, 16, 1, &error),
                             OJ_E_MISUSE);
            assert_int_equal(memory->patch(memory->context, &link.placement, addr - 8, bytes, 16, 0, &error), OJ_OK);
            assert_int_equal(ojt_run(link.segments[0].run_addr), 7);
            assert_int_equal(memory->patch(memory->context, &link.placement, addr + (1u << 30), bytes, 1, 0, &error),
                             OJ_E_RANGE);
            ojt_count_mappings();
            ojt_release(memory, &link);
            ojt_release(memory, &neighbour);
        }
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

/* Changed pages of large private code come from elsewhere and stay mappings apart, unless the kernel finds that two
 * came from neighbouring places of one history: the figure is the system's, or above it. */
static void provider_patches_of_large_code_count_mappings(void **state)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), n_pages = 64;
    const struct {
        uint64_t page;
        uint64_t n; /* pages */
        uint32_t more;
    } steps[] = {{0, 1, 1}, {4, 1, 3}, {4, 1, 3}, {5, 1, 4}, {63, 1, 5}, {8, 2, 7}, {9, 1, 8}, {4, 2, 7}, {3, 8, 4}};
    oj_memory *memory = ojt_memory(OJ_MEMORY_MODE_PRIVATE, 0);
    static const uint8_t bytes[8 << 16];
    size_t n_before;
    uint32_t n_counted;
    ojt_link link;
    (void)state;
    ojt_link_init(&link, n_pages * page, 16, 16);
    assert_int_equal(ojt_place(memory, &link, NULL), OJ_OK);
    memset(link.segments[0].write, 0x90, n_pages * page);
    ojt_publish(memory, &link);
    n_before = ojt_count_mappings();
    n_counted = ojt_stats(memory).n_mappings;
    for (size_t i = 0; i < OJI_COUNT(steps); i++) {
        uint64_t addr = link.segments[0].run_addr + steps[i].page * page + 1, size = (steps[i].n - 1) * page + 1;
        oj_error error;
        if (memory->patch(memory->context, &link.placement, addr, bytes, size, 0, &error) != OJ_OK)
            fail_msg("%s", error.text);
        assert_int_equal(ojt_stats(memory).n_mappings - n_counted, steps[i].more);
#ifndef OJT_SANITIZED
        assert_true(ojt_count_mappings() - n_before <= steps[i].more);
#endif
    }
    (void)n_before;
    ojt_release(memory, &link);
    assert_int_equal(ojt_stats(memory).n_mappings, 0);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

static void provider_destroy_with_live_code_refused(void **state)
{
    oj_memory *memory = ojt_memory(0, 0), foreign;
    oj_error error;
    ojt_link link;
    (void)state;
    ojt_link_value(memory, &link, 5);
    assert_int_equal(oj_memory_destroy(memory, &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "the code of 1 link"));
    assert_int_equal(ojt_run(link.segments[0].run_addr), 5);
    ojt_release(memory, &link);
    foreign = *memory;
    assert_int_equal(oj_memory_destroy(&foreign, NULL), OJ_E_MISUSE);
    oj_memory_init(&foreign);
    assert_int_equal(oj_memory_destroy(&foreign, NULL), OJ_E_MISUSE);
    assert_int_equal(oj_memory_get_stats(&foreign, &(oj_memory_stats){0}, sizeof(oj_memory_stats), NULL), OJ_E_MISUSE);
    assert_int_equal(oj_memory_mode_in_use(&foreign), OJ_MEMORY_MODE_DEFAULT);
    assert_int_equal(oj_memory_get_stats(memory, NULL, 0, &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "stats is NULL"));
    ojt_link_init(&link, 16, 0, 0);
    link.placement.struct_size = 8;
    assert_int_equal(ojt_place(memory, &link, &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "struct_size that is too small"));
    assert_int_equal(oj_memory_destroy(memory, &error), OJ_OK);
    assert_int_equal(oj_memory_destroy(NULL, NULL), OJ_OK);
}

/* Not what a client should do; it must not take others' code with it. */
static void provider_wrong_releases_do_nothing(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link keep, link, wrong;
        ojt_link_value(memory, &keep, 1);
        ojt_link_value(memory, &link, 2);
        wrong = link;
        for (int k = 0; k < 3; k++)
            wrong.segments[k].run_addr += 16; /* inside, or not live */
        ojt_release(memory, &wrong);
        wrong = link;
        for (int k = 0; k < 3; k++)
            wrong.segments[k].size = 100000;
        ojt_release(memory, &wrong);
        assert_int_equal(ojt_stats(memory).n_placements, 2);
        assert_int_equal(ojt_run(link.segments[0].run_addr), 2);
        ojt_release(memory, &link);
        ojt_release(memory, &link);
        assert_int_equal(ojt_stats(memory).n_placements, 1);
        assert_int_equal(ojt_run(keep.segments[0].run_addr), 1);
        ojt_release(memory, &keep);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void release_segment(const oj_memory *memory, const ojt_link *link, size_t index)
{
    oj_segment segment = link->segments[index];
    oj_placement part = link->placement;
    part.segments = &segment;
    part.n_segments = 1;
    memory->release(memory->context, &part);
}

/* Its client's mistake, which must not cost other code its memory. */
static void provider_release_in_parts_leaves_other_code(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link parts, other;
        ojt_link_value(memory, &other, 11);
        ojt_link_init(&parts, 100, 100, 100);
        assert_int_equal(ojt_place(memory, &parts, NULL), OJ_OK);
        ojt_publish(memory, &parts);
        assert_int_equal(ojt_stats(memory).n_placements, 2);
        for (size_t i = 0; i < 3; i++)
            release_segment(memory, &parts, i);
        assert_int_equal(ojt_stats(memory).n_placements, 1);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_E_MISUSE);
        assert_int_equal(ojt_run(other.segments[0].run_addr), 11);
        ojt_release(memory, &other);
        assert_int_equal(ojt_stats(memory).n_placements, 0);
        assert_int_equal(ojt_stats(memory).used, 0);
        /* By itself, too: placements are not counted below none. */
        ojt_link_init(&parts, 100, 100, 100);
        assert_int_equal(ojt_place(memory, &parts, NULL), OJ_OK);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(ojt_stats(memory).n_placements, 1);
            release_segment(memory, &parts, i);
        }
        assert_int_equal(ojt_stats(memory).n_placements, 0);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

/* Large code goes back to the system as one: part of it is nothing to give back. */
static void provider_release_of_a_part_of_large_code_does_nothing(void **state)
{
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        ojt_link large;
        ojt_link_init(&large, 1 << 20, 1 << 20, 100);
        assert_int_equal(ojt_place(memory, &large, NULL), OJ_OK);
        ojt_write_code(large.segments[0].write, 12);
        ojt_publish(memory, &large);
        release_segment(memory, &large, 1);
        release_segment(memory, &large, 2);
        assert_int_equal(ojt_stats(memory).n_placements, 1);
        assert_int_equal(ojt_run(large.segments[0].run_addr), 12);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_E_MISUSE);
        ojt_release(memory, &large);
        assert_int_equal(ojt_stats(memory).n_placements, 0);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void provider_bad_requests_refused(void **state)
{
    oj_memory *memory = ojt_memory(0, 0);
    ojt_link link;
    oj_error error;
    (void)state;
    ojt_link_init(&link, 10, 10, 10);
    link.segments[1].alignment = 3;
    assert_int_equal(ojt_place(memory, &link, &error), OJ_E_MISUSE);
    ojt_link_init(&link, 10, 10, 10);
    link.segments[1].size = 0;
    assert_int_equal(ojt_place(memory, &link, &error), OJ_E_MISUSE);
    ojt_link_init(&link, 10, 10, 10);
    link.segments[2].kind = 9;
    assert_int_equal(ojt_place(memory, &link, &error), OJ_E_MISUSE);
    link.segments[2].kind = 0;
    assert_int_equal(ojt_place(memory, &link, &error), OJ_E_MISUSE);
    ojt_link_init(&link, 0, 0, 0);
    assert_int_equal(ojt_place(memory, &link, &error), OJ_E_MISUSE);
    static const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 4095, UINT64_C(1) << 63, UINT64_C(1) << 47};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ojt_link_init(&link, sizes[i], 10, sizes[i]);
        assert_int_equal(ojt_place(memory, &link, &error), OJ_E_NOMEM);
        ojt_link_init(&link, 10, 10, 10);
        link.segments[1].alignment = UINT64_C(1) << (60 + i);
        assert_int_equal(ojt_place(memory, &link, &error), OJ_E_NOMEM);
    }
    assert_int_equal(ojt_stats(memory).mapped, 0);
    assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
}

/* Sums that wrap at each step on the way from segments to a reservation. */
static void provider_sizes_that_wrap_refused(void **state)
{
    /* With the bits for its pages, which come before it, this ends less than 32 KiB before the last address. */
    const uint64_t with_table = (UINT64_MAX / 32769 * 32768 & ~UINT64_C(4095)) - 16384;
    const struct {
        uint64_t size, second_size, second_alignment;
        uint32_t second_kind;
        uint32_t flags;
    } cases[] = {
        {UINT64_MAX - 4095, 1, 1 << 20, OJ_SEGMENT_CODE, 0},               /* where the second begins */
        {UINT64_MAX - 4095, 4096, 16, OJ_SEGMENT_CODE, 0},                 /* where it ends */
        {UINT64_MAX - 4094, 1, 16, OJ_SEGMENT_CODE, 0},                    /* whole pages */
        {UINT64_MAX - 4095, 1, 16, OJ_SEGMENT_DATA, OJ_MEMORY_HUGE_PAGES}, /* whole huge pages */
        {UINT64_MAX - 8191, 1, 1 << 20, OJ_SEGMENT_RODATA, 0},             /* where the first region ends */
        {with_table, 1, 1 << 20, OJ_SEGMENT_RODATA, 0},                    /* where the second begins */
        {with_table, 32768, 16, OJ_SEGMENT_RODATA, 0},                     /* where it ends */
        {UINT64_C(1) << 63, UINT64_C(1) << 62, 16, OJ_SEGMENT_RODATA, 0},  /* differences of pointers */
        {(UINT64_C(1) << 63) - 20480, 1, 1 << 20, OJ_SEGMENT_DATA, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        oj_memory_options options;
        oj_memory *memory;
        oj_error error;
        ojt_link link;
        oj_memory_options_init(&options);
        options.flags = cases[i].flags;
        assert_int_equal(oj_memory_create(&memory, &options, NULL), OJ_OK);
        ojt_link_init(&link, cases[i].size, cases[i].second_size, 0);
        link.segments[1].kind = cases[i].second_kind;
        link.segments[1].alignment = cases[i].second_alignment;
        if (ojt_place(memory, &link, &error) != OJ_E_NOMEM)
            fail_msg("case %zu: %s", i, error.text);
        assert_null(link.segments[0].write);
        assert_int_equal(ojt_stats(memory).mapped, 0);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

/* Bytes that begin in the code of a placement and end behind it. */
static void provider_patch_beyond_code_refused(void **state)
{
    static const uint8_t bytes[64] = {0};
    (void)state;
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = ojt_memory(mode, 0);
        uint64_t size = 1 << 20, addr;
        ojt_link link;
        oj_error error;
        ojt_link_init(&link, size, 0, 0);
        assert_int_equal(ojt_place(memory, &link, &error), OJ_OK);
        ojt_publish(memory, &link);
        addr = link.segments[0].run_addr;
        assert_int_equal(memory->patch(memory->context, &link.placement, addr + size - 8, bytes, 9, 0, &error),
                         OJ_E_RANGE);
        assert_int_equal(memory->patch(memory->context, &link.placement, addr - 1, bytes, 2, 0, &error), OJ_E_RANGE);
        assert_int_equal(memory->patch(memory->context, &link.placement, addr + size - 8, bytes, 8, 0, &error), OJ_OK);
        ojt_release(memory, &link);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void provider_default_is_one_and_lazy(void **state)
{
    const oj_memory *memory = oj_memory_default();
    oj_memory_stats stats;
    ojt_link link;
    (void)state;
    assert_ptr_equal(memory, oj_memory_default());
    stats = ojt_stats(memory);
    assert_int_equal(stats.mode, OJ_MEMORY_MODE_DEFAULT);
    assert_int_equal(stats.reserved, 0);
    ojt_link_value(memory, &link, 3);
    assert_int_equal(ojt_stats(memory).mode, oj_memory_mode_in_use(memory));
    assert_string_equal(oj_memory_mode_name(oj_memory_mode_in_use(memory)), "views");
    assert_string_equal(oj_memory_mode_name(OJ_MEMORY_MODE_PRIVATE), "private");
    assert_string_equal(oj_memory_mode_name(77), "none");
    assert_int_equal(oj_memory_destroy((oj_memory *)(uintptr_t)memory, NULL), OJ_E_MISUSE);
    ojt_release(memory, &link);
    assert_int_equal(ojt_stats(memory).used, 0);
}

static void provider_options_are_checked(void **state)
{
    oj_memory_options options;
    oj_memory *memory;
    (void)state;
    oj_memory_options_init(&options);
    options.mode = 4;
    assert_int_equal(oj_memory_create(&memory, &options, NULL), OJ_E_MISUSE);
    assert_null(memory);
    oj_memory_options_init(&options);
    options.slab_size = (UINT64_C(1) << 30) + 1;
    assert_int_equal(oj_memory_create(&memory, &options, NULL), OJ_E_MISUSE);
    options.slab_size = 0;
    options.struct_size = 1;
    assert_int_equal(oj_memory_create(&memory, &options, NULL), OJ_E_MISUSE);
    assert_int_equal(oj_memory_create(NULL, NULL, NULL), OJ_E_MISUSE);
}

/* Each allocation fails in turn; the last round, in which none does, works. */
static void provider_heap_failures_are_statuses(void **state)
{
    ojt_heap heap;
    bool done = false;
    (void)state;
    for (size_t step = 1; !done; step++) {
        oj_memory_options options;
        oj_memory *memory;
        oj_error error;
        ojt_link link;
        oj_memory_options_init(&options);
        ojt_heap_init(&heap);
        heap.fail_at = step;
        options.allocator = &heap.table;
        if (oj_memory_create(&memory, &options, &error) != OJ_OK) {
            assert_int_equal(error.status, OJ_E_NOMEM);
            assert_null(memory);
            assert_int_equal(heap.n_live, 0);
            continue;
        }
        ojt_link_value(memory, &link, 9);
        assert_int_equal(ojt_run(link.segments[0].run_addr), 9);
        done = heap.n_calls < step;
        ojt_release(memory, &link);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
        assert_int_equal(heap.n_live, 0);
    }
}

OJT_MAIN(cmocka_unit_test(provider_code_runs_and_is_reused), cmocka_unit_test(provider_segments_hold_what_was_written),
         cmocka_unit_test(provider_zeroed_flag_is_true), cmocka_unit_test(provider_freed_code_traps),
         cmocka_unit_test(provider_alignment_is_kept), cmocka_unit_test(provider_windows_are_kept),
         cmocka_unit_test(provider_impossible_window_names_it), cmocka_unit_test(provider_reach_is_kept),
         cmocka_unit_test(provider_private_placement_is_private),
         cmocka_unit_test(provider_similar_windows_share_a_slab),
         cmocka_unit_test(provider_near_the_libraries_by_default),
         cmocka_unit_test(provider_whole_pages_are_shared_with_nothing), cmocka_unit_test(provider_budget_is_soft),
         cmocka_unit_test(provider_stats_add_up), cmocka_unit_test(provider_large_use_goes_back),
         cmocka_unit_test(provider_100000_functions_are_dense), cmocka_unit_test(provider_private_mappings_stay_few),
         cmocka_unit_test(provider_patch_changes_running_code),
         cmocka_unit_test(provider_patches_of_large_code_count_mappings),
         cmocka_unit_test(provider_destroy_with_live_code_refused),
         cmocka_unit_test(provider_wrong_releases_do_nothing),
         cmocka_unit_test(provider_release_in_parts_leaves_other_code),
         cmocka_unit_test(provider_release_of_a_part_of_large_code_does_nothing),
         cmocka_unit_test(provider_bad_requests_refused), cmocka_unit_test(provider_sizes_that_wrap_refused),
         cmocka_unit_test(provider_patch_beyond_code_refused), cmocka_unit_test(provider_default_is_one_and_lazy),
         cmocka_unit_test(provider_options_are_checked), cmocka_unit_test(provider_heap_failures_are_statuses))
