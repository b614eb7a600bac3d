/* Stack maps as they should not be: each wrong field, every length, a heap that ends. */
#include "support/heap.h"
#include "unit/stackmap_writer.h"

#include <ownjit/ownjit.h>

#include "base/base.h"

#include <stdlib.h>

/* Create from a block of exactly this size, so that a read outside it is found by sanitizers and Valgrind. */
static oj_status create(const uint8_t *bytes, size_t size, oj_error *error)
{
    oj_stackmap *map = (oj_stackmap *)error;
    uint8_t *copy = malloc(size ? size : 1);
    oj_status status;
    memcpy(copy, bytes, size);
    status = oj_stackmap_create(&map, copy, size, NULL, error);
    assert_true((status == OJ_OK) == (map != NULL));
    assert_int_equal(error->status, status);
    oj_stackmap_destroy(map);
    free(copy);
    return status;
}

/* One function with one record of two locations and one live-out. */
static void put_small(ojt_stackmap *out)
{
    static const uint16_t live[] = {3};
    ojt_put_header(out, 1, 1, 1);
    ojt_put_function(out, 0x1000, 8, 1);
    ojt_put(out, 42, 8);
    ojt_put_record(out, 1, 4, 2);
    ojt_put_location(out, 3, 8, 7, 0);
    ojt_put_location(out, 5, 8, 0, 0);
    ojt_put_live_outs(out, 1, live);
}

/* Offsets in put_small(). */
enum { FUNCTION_RECORDS = 32, RECORD = 48, FIRST_LOCATION = 64, SECOND_LOCATION = 76, LIVE_OUTS = 88, END = 96 };

static void stackmap_every_length_survives(void **state)
{
    ojt_stackmap bytes = {.size = 0};
    oj_error error;
    (void)state;
    put_small(&bytes);
    assert_int_equal(bytes.size, END);
    assert_int_equal(create(bytes.bytes, END, &error), OJ_OK);
    for (size_t size = 1; size < END; size++) {
        assert_int_equal(create(bytes.bytes, size, &error), OJ_E_TRUNCATED);
        assert_true(error.offset <= size);
        assert_string_equal(error.section, ".llvm_stackmaps");
    }
}

/* One location leaves a gap before the live-outs, and none of these another behind. */
static void stackmap_every_length_with_padding_survives(void **state)
{
    ojt_stackmap bytes = {.size = 0};
    oj_error error;
    (void)state;
    ojt_put_header(&bytes, 1, 0, 1);
    ojt_put_function(&bytes, 0x1000, 8, 1);
    ojt_put_record(&bytes, 1, 4, 1);
    ojt_put_location(&bytes, 3, 8, 7, 0);
    ojt_put_live_outs(&bytes, 0, NULL);
    assert_int_equal(bytes.size, 80);
    assert_int_equal(create(bytes.bytes, bytes.size, &error), OJ_OK);
    for (size_t size = 1; size < bytes.size; size++)
        assert_int_equal(create(bytes.bytes, size, &error), OJ_E_TRUNCATED);
}

static void expect(size_t at, uint32_t value, size_t size, oj_status status, uint64_t offset, const char *text)
{
    ojt_stackmap bytes = {.size = 0};
    oj_error error;
    put_small(&bytes);
    bytes.size = at;
    ojt_put(&bytes, value, size);
    if (create(bytes.bytes, END, &error) != status || error.offset != offset || !strstr(error.text, text))
        fail_msg("byte %zu as %u: status %d, offset %u: %s", at, value, error.status, (unsigned)error.offset,
                 error.text);
}

static void stackmap_wrong_fields_refused(void **state)
{
    (void)state;
    if (OJI_HOST_IS_BIG) {
        print_message("skipped: it changes single bytes of fields in the other order\n");
        skip();
    }
    expect(0, 2, 1, OJ_E_UNSUPPORTED, 0, "version");
    expect(0, 4, 1, OJ_E_UNSUPPORTED, 0, "version");
    expect(1, 1, 1, OJ_E_MALFORMED, 1, "reserved");
    expect(2, 1, 2, OJ_E_MALFORMED, 1, "reserved");
    expect(4, UINT32_MAX, 4, OJ_E_TRUNCATED, 16, "functions");
    expect(4, 0, 4, OJ_E_MALFORMED, 12, "more records");
    expect(8, UINT32_MAX, 4, OJ_E_TRUNCATED, 40, "constants");
    expect(8, 0, 4, OJ_E_MALFORMED, 65, "reserved");
    expect(12, 0, 4, OJ_E_MALFORMED, FUNCTION_RECORDS, "more records");
    expect(12, UINT32_MAX, 4, OJ_E_MALFORMED, 12, "more records");
    expect(FUNCTION_RECORDS, 2, 4, OJ_E_MALFORMED, FUNCTION_RECORDS, "more records");
    expect(FUNCTION_RECORDS + 4, 1, 4, OJ_E_MALFORMED, FUNCTION_RECORDS, "more records");
    expect(RECORD + 14, 0xffff, 2, OJ_E_TRUNCATED, FIRST_LOCATION, "locations");
    expect(FIRST_LOCATION, 0, 1, OJ_E_MALFORMED, FIRST_LOCATION, "kind");
    expect(FIRST_LOCATION, 6, 1, OJ_E_MALFORMED, FIRST_LOCATION, "kind");
    expect(SECOND_LOCATION + 8, 1, 4, OJ_E_MALFORMED, SECOND_LOCATION + 8, "constant");
    expect(LIVE_OUTS + 2, 2, 2, OJ_E_TRUNCATED, LIVE_OUTS + 4, "live-outs");
}

static void stackmap_junk_between_tables_refused(void **state)
{
    ojt_stackmap bytes = {.size = 0};
    oj_error error;
    (void)state;
    put_small(&bytes);
    ojt_put(&bytes, 0, 1);
    ojt_put(&bytes, 3, 1);
    ojt_put(&bytes, 0, 6);
    assert_int_equal(create(bytes.bytes, bytes.size, &error), OJ_E_MALFORMED);
    assert_int_equal(error.offset, END + 1);
    bytes.size = END;
    ojt_put(&bytes, 9, 1);
    ojt_put(&bytes, 0, 7);
    assert_int_equal(create(bytes.bytes, bytes.size, &error), OJ_E_TRUNCATED);
    ojt_put(&bytes, 0, 8);
    assert_int_equal(create(bytes.bytes, bytes.size, &error), OJ_E_UNSUPPORTED);
    assert_int_equal(error.offset, END);
}

static void stackmap_arguments_checked(void **state)
{
    oj_stackmap *map = (oj_stackmap *)state;
    oj_error error;
    oj_code *code = NULL;
    oj_allocator half;
    assert_int_equal(oj_stackmap_create(&map, NULL, 1, NULL, &error), OJ_E_MISUSE);
    assert_null(map);
    assert_int_equal(oj_stackmap_create(NULL, "", 0, NULL, &error), OJ_E_MISUSE);
    oj_allocator_init(&half);
    assert_int_equal(oj_stackmap_create(&map, "", 0, &half, &error), OJ_E_MISUSE);
    assert_int_equal(oj_code_stackmap(&map, code, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_code_stackmap(NULL, code, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_code_stackmap_count(code), 0);
    assert_int_equal(oj_code_stackmap_range(code, 0, NULL, 0), OJ_E_MISUSE);
}

/* What the bytes become after they were checked cannot make a call read elsewhere. */
static void stackmap_bytes_changed_later_survived(void **state)
{
    ojt_stackmap source = {.size = 0};
    uint8_t *bytes = malloc(END);
    oj_stackmap *map = NULL;
    oj_stackmap_record_info record;
    oj_stackmap_location location;
    oj_stackmap_live_out live;
    oj_statepoint point;
    (void)state;
    put_small(&source);
    memcpy(bytes, source.bytes, END);
    assert_int_equal(oj_stackmap_create(&map, bytes, END, NULL, NULL), OJ_OK);
    for (unsigned fill = 0; fill < 256; fill++) {
        memset(bytes, (int)fill, END);
        assert_int_equal(oj_stackmap_record(map, 0, &record, sizeof record), OJ_OK);
        assert_int_equal(record.n_locations, 2);
        assert_int_equal(record.n_live_outs, 1);
        assert_int_equal(oj_stackmap_location_at(map, 0, 0, &location, sizeof location), OJ_OK);
        assert_int_equal(oj_stackmap_location_at(map, 0, 1, &location, sizeof location), OJ_OK);
        assert_int_equal(oj_stackmap_live_out_at(map, 0, 0, &live, sizeof live), OJ_OK);
        oj_stackmap_find(map, 0x1004, 16, &record, sizeof record);
        oj_stackmap_find_id(map, 1, 0, &record, sizeof record);
        oj_stackmap_statepoint(map, 0, &point, sizeof point, NULL);
    }
    oj_stackmap_destroy(map);
    free(bytes);
}

static void stackmap_heap_ends_survived(void **state)
{
    ojt_stackmap bytes = {.size = 0};
    oj_stackmap *map = NULL;
    oj_error error;
    ojt_heap heap;
    (void)state;
    put_small(&bytes);
    ojt_heap_init(&heap);
    heap.fail_at = 1;
    assert_int_equal(oj_stackmap_create(&map, bytes.bytes, bytes.size, &heap.table, &error), OJ_E_NOMEM);
    assert_null(map);
    assert_int_equal(heap.live_size, 0);
    ojt_heap_init(&heap);
    assert_int_equal(oj_stackmap_create(&map, bytes.bytes, bytes.size, &heap.table, &error), OJ_OK);
    assert_int_equal(heap.n_calls, 1);
    assert_int_equal(heap.live_size, oj_stackmap_heap_size(map));
    oj_stackmap_destroy(map);
    assert_int_equal(heap.live_size, 0);
}

/* Between the two walks over the bytes the heap is asked for once: that is when these change. */
typedef struct changing {
    ojt_heap heap; /* first: the table's context is both */
    uint8_t *bytes;
    const ojt_stackmap *becomes;
} changing;

static void *allocate_and_change(void *context, size_t size)
{
    changing *c = context;
    memcpy(c->bytes, c->becomes->bytes, c->becomes->size);
    return ojt_heap_allocate(&c->heap, size);
}

/* Tables of functions with records each; zeros to the end. */
static void put_tables(ojt_stackmap *out, unsigned n_tables, unsigned n_functions, unsigned n_records)
{
    for (unsigned t = 0; t < n_tables; t++) {
        ojt_put_header(out, n_functions, 0, n_functions * n_records);
        for (unsigned f = 0; f < n_functions; f++)
            ojt_put_function(out, 0x1000 * (f + 1), 8, n_records);
        for (unsigned r = 0; r < n_functions * n_records; r++)
            ojt_put_empty_record(out, 1, 4);
    }
    while (out->size < 512)
        ojt_put(out, 0, 8);
}

static void stackmap_bytes_changed_meanwhile_refused(void **state)
{
    static const struct {
        unsigned before[3], after[3]; /* tables, functions of each, records of each function */
    } cases[] = {
        {{1, 1, 1}, {2, 1, 1}}, {{1, 1, 1}, {1, 2, 0}}, {{1, 1, 1}, {1, 1, 2}},
        {{2, 1, 1}, {1, 1, 1}}, {{1, 2, 0}, {1, 1, 0}}, {{1, 1, 2}, {1, 1, 1}},
    };
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        const unsigned *before = cases[i].before, *after = cases[i].after;
        ojt_stackmap first = {.size = 0}, second = {.size = 0};
        changing c = {.bytes = first.bytes, .becomes = &second};
        oj_stackmap *map = (oj_stackmap *)state;
        oj_error error;
        put_tables(&first, before[0], before[1], before[2]);
        put_tables(&second, after[0], after[1], after[2]);
        ojt_heap_init(&c.heap);
        c.heap.table.allocate = allocate_and_change;
        assert_int_equal(oj_stackmap_create(&map, first.bytes, first.size, &c.heap.table, &error), OJ_E_MALFORMED);
        assert_non_null(strstr(error.text, "changed"));
        assert_null(map);
        assert_int_equal(c.heap.live_size, 0);
    }
}

OJT_MAIN(cmocka_unit_test(stackmap_every_length_survives),
         cmocka_unit_test(stackmap_every_length_with_padding_survives),
         cmocka_unit_test(stackmap_bytes_changed_meanwhile_refused), cmocka_unit_test(stackmap_wrong_fields_refused),
         cmocka_unit_test(stackmap_junk_between_tables_refused), cmocka_unit_test(stackmap_arguments_checked),
         cmocka_unit_test(stackmap_bytes_changed_later_survived), cmocka_unit_test(stackmap_heap_ends_survived))
