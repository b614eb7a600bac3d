/* Checked arithmetic, bounded reading, the heap hook, the scratch arena, and the table of names. */
#include "support/heap.h"

#include "base/base.h"

#include <stdlib.h>

static void base_sums_overflow_is_seen(void **state)
{
    uint64_t result = 5;
    (void)state;
    assert_true(oji_add(UINT64_MAX - 1, 1, &result));
    assert_true(result == UINT64_MAX);
    result = 5;
    assert_false(oji_add(UINT64_MAX, 1, &result));
    assert_false(oji_mul(UINT64_C(1) << 32, UINT64_C(1) << 32, &result));
    assert_int_equal(result, 5);
    assert_true(oji_mul(UINT64_C(1) << 32, UINT64_C(1) << 31, &result));
    assert_true(result == UINT64_C(1) << 63);
}

static void base_align_up_every_power(void **state)
{
    uint64_t result;
    (void)state;
    for (unsigned log2 = 0; log2 < 63; log2++) {
        uint64_t alignment = UINT64_C(1) << log2;
        assert_true(oji_is_power_of_two(alignment));
        assert_true(oji_align_up(0, alignment, &result) && result == 0);
        assert_true(oji_align_up(1, alignment, &result) && result == alignment);
        assert_true(oji_align_up(alignment, alignment, &result) && result == alignment);
        result = 9;
        if (log2 > 0)
            assert_false(oji_align_up(UINT64_MAX, alignment, &result));
        assert_int_equal(log2 > 0 ? result : 9, 9);
    }
    assert_false(oji_is_power_of_two(0));
    assert_false(oji_is_power_of_two(12));
}

static void base_bytes_contain_at_every_edge(void **state)
{
    const oji_bytes bytes = {(const uint8_t *)"0123456789", 10};
    (void)state;
    assert_true(oji_bytes_contain(bytes, 0, 10));
    assert_true(oji_bytes_contain(bytes, 10, 0));
    assert_false(oji_bytes_contain(bytes, 11, 0));
    assert_false(oji_bytes_contain(bytes, 0, 11));
    assert_false(oji_bytes_contain(bytes, 10, 1));
    assert_false(oji_bytes_contain(bytes, 1, UINT64_MAX));
    assert_false(oji_bytes_contain(bytes, UINT64_MAX, 1));
    assert_false(oji_bytes_contain(bytes, UINT64_MAX, UINT64_MAX));
}

static void base_loads_and_stores_agree_at_any_alignment(void **state)
{
    uint8_t buffer[16];
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        memset(buffer, 0, sizeof buffer);
        oji_store64(buffer + i, UINT64_C(0x8182838485868788));
        assert_true(oji_load64(buffer + i) == UINT64_C(0x8182838485868788));
        assert_true(oji_load64be(buffer + i) == UINT64_C(0x8887868584838281));
        assert_true(oji_load32(buffer + i) == 0x85868788u);
        assert_true(oji_load32be(buffer + i) == 0x88878685u);
        assert_true(oji_load16(buffer + i) == 0x8788u);
        assert_int_equal(buffer[i], 0x88);
        oji_store32(buffer + i, 0xF1F2F3F4u);
        oji_store16(buffer + i + 4, 0xE1E2u);
        assert_true(oji_load64(buffer + i) == UINT64_C(0x8182E1E2F1F2F3F4));
    }
}

static void base_allocator_sizes_come_back(void **state)
{
    oj_allocator ours;
    ojt_heap heap;
    (void)state;
    ojt_heap_init(&heap);
    assert_int_equal(oji_allocator_import(&ours, &heap.table, NULL), OJ_OK);
    void *none = oji_allocate(&ours, 0);
    uint8_t *zeroed = oji_allocate_zeroed(&ours, 100);
    assert_non_null(none);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeroed[i], 0);
    assert_null(oji_allocate(&ours, UINT64_MAX));
    assert_null(oji_allocate_zeroed(&ours, (uint64_t)PTRDIFF_MAX + 1));
    oji_release(&ours, none, 0);
    oji_release(&ours, zeroed, 100);
    oji_release(&ours, NULL, 5);
    assert_int_equal(heap.n_live, 0);
    assert_int_equal(heap.live_size, 0);
}

static void base_allocator_incomplete_rejected(void **state)
{
    oj_allocator ours;
    ojt_heap heap;
    oj_error error;
    (void)state;
    ojt_heap_init(&heap);
    heap.table.release = NULL;
    assert_int_equal(oji_allocator_import(&ours, &heap.table, &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "release"));
    ojt_heap_init(&heap);
    heap.table.allocate = NULL;
    assert_int_equal(oji_allocator_import(&ours, &heap.table, &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "allocate"));
    heap.table.struct_size = 0;
    assert_int_equal(oji_allocator_import(&ours, &heap.table, &error), OJ_E_MISUSE);
    assert_int_equal(oji_allocator_import(&ours, NULL, &error), OJ_OK);
    void *memory = oji_allocate(&ours, 8);
    assert_non_null(memory);
    oji_release(&ours, memory, 8);
}

static void base_arena_grows_and_frees_all(void **state)
{
    ojt_heap heap;
    uint8_t buffer[257];
    oji_arena arena;
    (void)state;
    ojt_heap_init(&heap);
    for (size_t skew = 0; skew < 17; skew++) {
        oji_arena_init(&arena, &heap.table, buffer + skew, sizeof buffer - skew);
        uint8_t *small = oji_arena_array(&arena, 10, 8);
        assert_true(small >= buffer && small + 80 <= buffer + sizeof buffer);
        for (uint64_t n = 1; n < 100000; n *= 3) {
            uint64_t *array = oji_arena_array(&arena, n, sizeof *array);
            assert_non_null(array);
            assert_int_equal((uintptr_t)array % _Alignof(max_align_t), 0);
            assert_true(array[0] == 0 && array[n - 1] == 0);
            memset(array, 0xFF, n * sizeof *array);
        }
        oji_arena_free(&arena);
        assert_int_equal(heap.n_live, 0);
        assert_int_equal(heap.live_size, 0);
    }
}

static void base_arena_refuses_what_cannot_be(void **state)
{
    ojt_heap heap;
    oji_arena arena;
    (void)state;
    ojt_heap_init(&heap);
    oji_arena_init(&arena, &heap.table, NULL, 0);
    assert_null(oji_arena_array(&arena, UINT64_MAX, 2));
    assert_null(oji_arena_array(&arena, UINT64_MAX, 1));
    assert_null(oji_arena_array(&arena, 1, (uint64_t)PTRDIFF_MAX));
    heap.fail_at = heap.n_calls + 1;
    assert_null(oji_arena_array(&arena, 1, 100));
    assert_non_null(oji_arena_array(&arena, 1, 100));
    oji_arena_free(&arena);
    assert_int_equal(heap.n_live, 0);
}

/* NULL means that memory has ended, and nothing else. */
static void base_arena_no_elements_is_no_failure(void **state)
{
    ojt_heap heap;
    oji_arena arena;
    (void)state;
    ojt_heap_init(&heap);
    oji_arena_init(&arena, &heap.table, NULL, 0);
    assert_non_null(oji_arena_array(&arena, 0, 8));
    assert_non_null(oji_arena_array(&arena, 1, 8));
    assert_non_null(oji_arena_array(&arena, 0, 0));
    oji_arena_free(&arena);
    assert_int_equal(heap.n_live, 0);
}

static void base_hash_is_stable_and_spreads(void **state)
{
    char name[16];
    uint64_t low = 0;
    (void)state;
    for (int i = 0; i < 64; i++) {
        int length = snprintf(name, sizeof name, "name%d", i);
        uint64_t hash = oji_hash(name, (size_t)length);
        assert_true(hash == oji_hash(name, (size_t)length));
        assert_true(hash != oji_hash(name, (size_t)length - 1));
        low |= UINT64_C(1) << (hash & 63);
    }
    assert_true(__builtin_popcountll(low) > 24);
}

static uint32_t find(const oji_table *table, const uint64_t *keys, uint64_t hash, uint32_t wanted)
{
    uint32_t cursor = 0, index;
    while ((index = oji_table_next(table, hash, &cursor)) != OJI_TABLE_NONE)
        if (keys[index] == hash && (wanted == OJI_TABLE_NONE || index == wanted))
            return index;
    return OJI_TABLE_NONE;
}

/* Against a plain array; many equal hashes, many that differ in one half only. */
static void base_table_finds_what_was_added(void **state)
{
    enum { N = 3000 };
    static uint64_t keys[N];
    oji_arena arena;
    oji_table table;
    oj_allocator allocator;
    (void)state;
    assert_int_equal(oji_allocator_import(&allocator, NULL, NULL), OJ_OK);
    oji_arena_init(&arena, &allocator, NULL, 0);
    assert_true(oji_table_init(&table, &arena, N));
    for (uint32_t i = 0; i < N; i++) {
        keys[i] = i % 3 == 0 ? i : i % 3 == 1 ? (uint64_t)i << 32 : UINT64_C(0x9E3779B97F4A7C15) * (i / 6);
        oji_table_add(&table, keys[i], i);
    }
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(find(&table, keys, keys[i], i), i);
    assert_int_equal(find(&table, keys, UINT64_C(0xDEADBEEF12345678), OJI_TABLE_NONE), OJI_TABLE_NONE);
    oji_arena_free(&arena);
}

static void base_table_too_large_rejected(void **state)
{
    oji_arena arena;
    oji_table table;
    oj_allocator allocator;
    (void)state;
    assert_int_equal(oji_allocator_import(&allocator, NULL, NULL), OJ_OK);
    oji_arena_init(&arena, &allocator, NULL, 0);
    assert_false(oji_table_init(&table, &arena, UINT64_MAX));
    assert_false(oji_table_init(&table, &arena, UINT64_C(1) << 32));
    assert_true(oji_table_init(&table, &arena, 0));
    uint32_t cursor = 0;
    assert_int_equal(oji_table_next(&table, 1, &cursor), OJI_TABLE_NONE);
    oji_arena_free(&arena);
}

static void base_now_goes_forward(void **state)
{
    uint64_t before = oji_now();
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = oji_now();
        assert_true(now >= before);
        before = now;
    }
}

OJT_MAIN(cmocka_unit_test(base_sums_overflow_is_seen), cmocka_unit_test(base_align_up_every_power),
         cmocka_unit_test(base_bytes_contain_at_every_edge),
         cmocka_unit_test(base_loads_and_stores_agree_at_any_alignment),
         cmocka_unit_test(base_allocator_sizes_come_back), cmocka_unit_test(base_allocator_incomplete_rejected),
         cmocka_unit_test(base_arena_grows_and_frees_all), cmocka_unit_test(base_arena_refuses_what_cannot_be),
         cmocka_unit_test(base_arena_no_elements_is_no_failure), cmocka_unit_test(base_hash_is_stable_and_spreads),
         cmocka_unit_test(base_table_finds_what_was_added), cmocka_unit_test(base_table_too_large_rejected),
         cmocka_unit_test(base_now_goes_forward))
