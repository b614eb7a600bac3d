/* The room finder of slabs against a simple model: an array with one byte for each granule. */
#include "memory/zone.h"

#include "test_memory_support.h"

typedef struct model {
    oji_memory_zone zone;
    void *tables;
    uint8_t *taken; /* 1 taken, 2 taken and first */
    uint32_t n;
} model;

static void model_create(model *m, uint32_t n)
{
    m->n = n;
    m->tables = calloc(1, oji_memory_zone_tables_size(n));
    m->taken = calloc(1, n);
    assert_true(m->tables && m->taken);
    oji_memory_zone_init(&m->zone, m->tables, n);
}

static void model_destroy(model *m)
{
    free(m->tables);
    free(m->taken);
}

static bool model_fits(const model *m, uint32_t n, uint32_t alignment)
{
    uint32_t run = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        run = m->taken[i] ? 0 : run + 1;
        /* The last start that this run allows, rounded down, must still lie in the run. */
        if (run >= n && (i + 1 - n) / alignment * alignment >= i + 1 - run)
            return true;
    }
    return false;
}

static uint32_t model_take(model *m, uint32_t n, uint32_t alignment)
{
    uint32_t index = oji_memory_zone_take(&m->zone, n, alignment, m->n);
    if (index == OJI_MEMORY_NONE)
        return index;
    assert_true(index % alignment == 0 && index + n <= m->n);
    for (uint32_t i = index; i < index + n; i++) {
        assert_int_equal(m->taken[i], 0);
        m->taken[i] = 1;
    }
    m->taken[index] = 2;
    assert_int_equal(oji_memory_zone_length(&m->zone, index), n);
    return index;
}

static void model_free(model *m, uint32_t index)
{
    uint32_t n = oji_memory_zone_length(&m->zone, index), i = index + 1;
    assert_int_equal(m->taken[index], 2);
    while (i < m->n && m->taken[i] == 1)
        i++;
    assert_int_equal(n, i - index);
    memset(m->taken + index, 0, n);
    oji_memory_zone_free(&m->zone, index, n);
    assert_int_equal(oji_memory_zone_length(&m->zone, index), 0);
}

static uint32_t count_taken(const model *m)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n; i++)
        n += m->taken[i] != 0;
    return n;
}

/* Runs above 64 KiB are found exactly; smaller ones may be missed only where they would cross a block's edge. */
static void zone_random_steps_match_model(void **state)
{
    enum { GRANULES = 40000, LIVE = 4096 };
    static uint32_t live[LIVE];
    uint64_t random = ojt_seed();
    size_t n_live = 0;
    model m;
    (void)state;
    model_create(&m, GRANULES);
    for (int step = 0; step < 60000; step++) {
        uint64_t r = ojt_random(&random);
        if (n_live < LIVE && r % 16 < 8 + (uint64_t)(step / 10000 % 2)) {
            uint32_t n = (uint32_t)(r >> 8) % (r >> 60 ? 40 : 3000) + 1;
            uint32_t alignment = 1u << ((r >> 32) % 4 ? 0 : (r >> 40) % 9);
            uint32_t index = model_take(&m, n, alignment);
            if (index != OJI_MEMORY_NONE)
                live[n_live++] = index;
            else if (n > 512)
                assert_false(model_fits(&m, n, alignment));
        } else if (n_live > 0) {
            size_t i = (size_t)(r >> 16) % n_live;
            model_free(&m, live[i]);
            live[i] = live[--n_live];
        }
        if (step % 1000 == 0)
            assert_int_equal(count_taken(&m), m.zone.n_used);
    }
    while (n_live > 0)
        model_free(&m, live[--n_live]);
    assert_int_equal(m.zone.n_used, 0);
    assert_int_equal(model_take(&m, GRANULES, 1), 0);
    model_destroy(&m);
}

static void zone_freed_room_is_used_before_fresh(void **state)
{
    uint32_t index[1000];
    model m;
    (void)state;
    model_create(&m, 1u << 20);
    for (int i = 0; i < 1000; i++)
        index[i] = model_take(&m, 7, 1);
    for (int round = 0; round < 100; round++) {
        uint32_t top = m.zone.top;
        for (int i = round % 3; i < 1000; i += 3)
            model_free(&m, index[i]);
        for (int i = round % 3; i < 1000; i += 3)
            index[i] = model_take(&m, 7, 1);
        assert_int_equal(m.zone.top, top);
    }
    model_destroy(&m);
}

static void zone_limit_is_kept(void **state)
{
    model m;
    (void)state;
    model_create(&m, 10000);
    assert_int_equal(oji_memory_zone_take(&m.zone, 11, 1, 10), OJI_MEMORY_NONE);
    assert_int_equal(oji_memory_zone_take(&m.zone, 10, 1, 10), 0);
    assert_int_equal(oji_memory_zone_take(&m.zone, 1, 1, 10), OJI_MEMORY_NONE);
    assert_int_equal(oji_memory_zone_take(&m.zone, 1, 1, 11), 10);
    assert_int_equal(oji_memory_zone_take(&m.zone, 5000, 1, 5010), OJI_MEMORY_NONE);
    assert_int_equal(oji_memory_zone_take(&m.zone, 5000, 1, 5011), 11);
    assert_int_equal(m.zone.top, 5011);
    assert_int_equal(oji_memory_zone_take(&m.zone, 0, 1, 10000), OJI_MEMORY_NONE);
    model_destroy(&m);
}

/* A run that has ended but is not free yet is neither handed out nor part of its neighbour. */
static void zone_retired_run_stays_apart(void **state)
{
    uint32_t first, second, third;
    model m;
    (void)state;
    model_create(&m, 1000);
    first = oji_memory_zone_take(&m.zone, 5, 1, 1000);
    second = oji_memory_zone_take(&m.zone, 6, 1, 1000);
    oji_memory_zone_retire(&m.zone, second);
    assert_int_equal(oji_memory_zone_length(&m.zone, first), 5);
    assert_int_equal(oji_memory_zone_length(&m.zone, second), 0);
    third = oji_memory_zone_take(&m.zone, 6, 1, 1000);
    assert_int_not_equal(third, second);
    oji_memory_zone_free(&m.zone, second, 6);
    assert_int_equal(oji_memory_zone_take(&m.zone, 6, 1, 1000), second);
    model_destroy(&m);
}

OJT_MAIN(cmocka_unit_test(zone_random_steps_match_model), cmocka_unit_test(zone_freed_room_is_used_before_fresh),
         cmocka_unit_test(zone_limit_is_kept), cmocka_unit_test(zone_retired_run_stays_apart))
