/* What a client may wish of the library's own provider: to be near an address, and huge pages. */
#include "test_memory_support.h"

#include <sys/mman.h>

#define GIB (UINT64_C(1) << 30)

static oj_memory *create(uint32_t mode, uint64_t near_addr, uint32_t flags)
{
    oj_memory_options options;
    oj_memory *memory;
    oj_error error;
    oj_memory_options_init(&options);
    options.mode = mode;
    options.near_addr = near_addr;
    options.flags = flags;
    if (oj_memory_create(&memory, &options, &error) != OJ_OK)
        fail_msg("%s", error.text);
    return memory;
}

static bool is_near(uint64_t a, uint64_t b) { return (a > b ? a - b : b - a) < 2 * GIB; }

/* An address with nothing in 4 GiB around it that the system would choose by itself: far below the libraries. */
static uint8_t *map_far_page(void)
{
    uint64_t addr = (uint64_t)(uintptr_t)&l64a - 1024 * GIB;
    void *page = mmap((void *)(uintptr_t)(addr & ~UINT64_C(4095)), 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    return page;
}

/* Small links, ones with a slab of their own, and ones for a debugger, which are private. */
static void wish_near_is_kept_by_every_link(void **state)
{
    (void)state;
    ojt_needs_64_bits("every address of 32 bits is near");
    for (uint32_t mode = OJ_MEMORY_MODE_DEFAULT; mode <= OJ_MEMORY_MODE_PRIVATE; mode++) {
        uint8_t *far_page = map_far_page();
        oj_memory *memory = create(mode, (uint64_t)(uintptr_t)far_page, 0);
        for (int i = 0; i < 60; i++) {
            static ojt_link links[60];
            ojt_link_init(&links[i], i % 3 ? 1000 : 700000, i % 2 ? 200000 : 100, 10);
            links[i].placement.flags = i % 5 == 0 ? OJ_PLACEMENT_PRIVATE : 0;
            assert_int_equal(ojt_place(memory, &links[i], NULL), OJ_OK);
            for (int k = 0; k < 3; k++)
                assert_true(is_near(links[i].segments[k].run_addr, (uint64_t)(uintptr_t)far_page));
            if (i == 59)
                for (int j = 0; j < 60; j++)
                    ojt_release(memory, &links[j]);
        }
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
        munmap(far_page, 4096);
    }
}

/* Takes all address space around `addr`, so that nothing can be near. */
typedef struct siege {
    uint64_t low;
    uint64_t high;
    uint64_t end; /* of the mapping before */
    size_t n;
    struct {
        void *base;
        uint64_t size;
    } taken[512];
} siege;

static void take_gap(siege *s, uint64_t start, uint64_t end)
{
    void *base;
    start = start < s->low ? s->low : start;
    end = end > s->high ? s->high : end;
    if (start >= end)
        return;
    assert_true(s->n < 512);
    base = mmap((void *)(uintptr_t)start, end - start, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (base == MAP_FAILED) /* the page below the stack, and what the kernel keeps for itself */
        return;
    s->taken[s->n].base = base;
    s->taken[s->n++].size = end - start;
}

static void see_mapping(void *context, uint64_t start, uint64_t end, const char *access)
{
    siege *s = context;
    (void)access;
    take_gap(s, s->end, start);
    s->end = end;
}

/* A wish is no condition: with no room near, code lies elsewhere, and moves near again when there is room. */
static void wish_near_without_room_is_far(void **state)
{
    (void)state;
    ojt_needs_64_bits("every address of 32 bits is near");
    OJT_EACH_MODE(mode)
    {
        uint8_t *far_page = map_far_page();
        uint64_t addr = (uint64_t)(uintptr_t)far_page;
        siege s = {.low = addr - 2 * GIB, .high = addr + 2 * GIB};
        oj_memory *memory = create(mode, addr, 0);
        ojt_link links[20], large, near;
        ojt_each_mapping(see_mapping, &s);
        take_gap(&s, s.end, s.high);
        for (uint32_t i = 0; i < 20; i++) {
            ojt_link_value(memory, &links[i], i);
            assert_int_equal(ojt_run(links[i].segments[0].run_addr), i);
            assert_false(is_near(links[i].segments[0].run_addr, addr));
        }
        assert_true(ojt_stats(memory).n_mappings <= 8); /* they share a slab */
        ojt_link_init(&large, 1000000, 0, 0);
        assert_int_equal(ojt_place(memory, &large, NULL), OJ_OK);
        assert_false(is_near(large.segments[0].run_addr, addr));
        ojt_release(memory, &large);
        while (s.n > 0) {
            s.n--;
            munmap(s.taken[s.n].base, s.taken[s.n].size);
        }
        assert_int_equal(ojt_place(memory, &large, NULL), OJ_OK);
        assert_true(is_near(large.segments[0].run_addr, addr));
        /* What a link must have goes before what its client wishes. */
        ojt_link_init(&near, 16, 16, 16);
        near.placement.high_addr = 4 * GIB;
        assert_int_equal(ojt_place(memory, &near, NULL), OJ_OK);
        assert_true(near.segments[0].run_addr < 4 * GIB);
        ojt_release(memory, &near);
        ojt_release(memory, &large);
        for (uint32_t i = 0; i < 20; i++)
            ojt_release(memory, &links[i]);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
        munmap(far_page, 4096);
    }
}

/* Kilobytes of huge pages in the mapping that holds `addr`. */
static long huge_kilobytes_at(uint64_t addr)
{
    char line[512];
    unsigned long start, end;
    long found = -1, kilobytes;
    bool is_inside = false;
    FILE *smaps = fopen("/proc/self/smaps", "re");
    assert_non_null(smaps);
    while (fgets(line, sizeof line, smaps)) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            is_inside = addr >= start && addr < end;
        else if (is_inside && sscanf(line, "AnonHugePages: %ld", &kilobytes) == 1)
            found = kilobytes;
    }
    fclose(smaps);
    return found;
}

/* Can this system give one at all? It may forbid them, or have none free. */
static bool has_huge_pages(void)
{
    uint64_t huge = UINT64_C(2) << 20;
    uint8_t *base = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *start;
    long found;
    assert_ptr_not_equal(base, MAP_FAILED);
    start = base + (huge - (uintptr_t)base % huge);
    madvise(start, huge, MADV_HUGEPAGE);
    *(volatile uint8_t *)start = 1;
    found = huge_kilobytes_at((uint64_t)(uintptr_t)start);
    munmap(base, 2 * huge);
    return found > 0;
}

static void wish_huge_pages_are_used(void **state)
{
    (void)state;
    if (!has_huge_pages()) {
        print_message("this system gives no huge pages\n");
        skip();
    }
    OJT_EACH_MODE(mode)
    {
        oj_memory *memory = create(mode, 0, OJ_MEMORY_HUGE_PAGES);
        ojt_link small, large;
        ojt_link_init(&small, 100, 100, 3000);
        ojt_link_init(&large, 1500000, 100000, 1100000);
        assert_int_equal(ojt_place(memory, &small, NULL), OJ_OK);
        memset(small.segments[2].write, 1, 3000);
        assert_true(huge_kilobytes_at(small.segments[2].run_addr) >= 2048);
        assert_int_equal(ojt_place(memory, &large, NULL), OJ_OK);
        for (int k = 0; k < 3; k++)
            memset(large.segments[k].write, 0xC3, large.segments[k].size);
        ojt_publish(memory, &large);
        ojt_run(large.segments[0].run_addr);
        assert_true(huge_kilobytes_at(large.segments[2].run_addr) >= 2048);
        /* That of memory files is up to another setting of the system, off as a rule. */
        if (mode == OJ_MEMORY_MODE_PRIVATE)
            assert_true(huge_kilobytes_at(large.segments[0].run_addr) >= 2048);
        assert_int_equal(ojt_stats(memory).mapped_by_kind[OJ_SEGMENT_CODE], (2u << 20) + 4096);
        ojt_count_mappings();
        ojt_release(memory, &large);
        ojt_release(memory, &small);
        assert_int_equal(oj_memory_destroy(memory, NULL), OJ_OK);
    }
}

static void wish_unknown_flags_are_refused(void **state)
{
    oj_memory_options options;
    oj_memory *memory;
    oj_error error;
    (void)state;
    oj_memory_options_init(&options);
    options.flags = 2;
    assert_int_equal(oj_memory_create(&memory, &options, &error), OJ_E_VERSION);
    assert_null(memory);
    assert_non_null(strstr(error.text, "flags"));
}

OJT_MAIN(cmocka_unit_test(wish_near_is_kept_by_every_link), cmocka_unit_test(wish_near_without_room_is_far),
         cmocka_unit_test(wish_huge_pages_are_used), cmocka_unit_test(wish_unknown_flags_are_refused))
