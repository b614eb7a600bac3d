/* Stack maps as they should be: every field of every part, concatenation, finding. */
#include "support/test.h"
#include "unit/stackmap_writer.h"

#include <ownjit/ownjit.h>

#include <stdlib.h>

static oj_stackmap *create(const ojt_stackmap *bytes)
{
    oj_stackmap *map = NULL;
    oj_error error;
    if (oj_stackmap_create(&map, bytes->bytes, bytes->size, NULL, &error) != OJ_OK)
        fail_msg("%s", error.text);
    return map;
}

/* Two functions; the second stands below the first in memory. One record has a location of each kind and live-outs. */
static void put_sample(ojt_stackmap *out, uint64_t base)
{
    static const uint16_t live[] = {3, 7, 12};
    ojt_put_header(out, 2, 2, 3);
    ojt_put_function(out, base + 0x1000, 24, 2);
    ojt_put_function(out, base, OJ_STACKMAP_DYNAMIC, 1);
    ojt_put(out, 0x1122334455667788, 8);
    ojt_put(out, 0xfedcba9876543210, 8);
    ojt_put_record(out, 7, 0x10, 5);
    ojt_put_location(out, 1, 4, 3, 0);
    ojt_put_location(out, 2, 8, 6, -16);
    ojt_put_location(out, 3, 2, 7, 8);
    ojt_put_location(out, 4, 8, 0, -5);
    ojt_put_location(out, 5, 8, 0, 1);
    ojt_put_live_outs(out, 3, live);
    ojt_put_empty_record(out, 9, 0x20);
    ojt_put_empty_record(out, 7, 0x30);
}

static oj_stackmap *create_sample(ojt_stackmap *bytes, uint64_t base)
{
    bytes->size = 0;
    put_sample(bytes, base);
    return create(bytes);
}

static void stackmap_every_field_read(void **state)
{
    static const oj_stackmap_location expected[] = {
        {.kind = OJ_LOCATION_REGISTER, .size = 4, .dwarf_register = 3},
        {.kind = OJ_LOCATION_DIRECT, .size = 8, .dwarf_register = 6, .offset = -16},
        {.kind = OJ_LOCATION_INDIRECT, .size = 2, .dwarf_register = 7, .offset = 8},
        {.kind = OJ_LOCATION_CONSTANT, .size = 8, .value = (uint64_t)-5},
        {.kind = OJ_LOCATION_CONSTANT_INDEX, .size = 8, .value = 0xfedcba9876543210}};
    ojt_stackmap bytes;
    oj_stackmap_function_info function;
    oj_stackmap_record_info record;
    oj_stackmap_location location;
    oj_stackmap_live_out live;
    oj_stackmap *map;
    (void)state;
    map = create_sample(&bytes, 0x400000);
    assert_int_equal(oj_stackmap_function_count(map), 2);
    assert_int_equal(oj_stackmap_record_count(map), 3);
    assert_int_equal(oj_stackmap_function(map, 0, &function, sizeof function), OJ_OK);
    assert_int_equal(function.run_addr, 0x401000);
    assert_int_equal(function.stack_size, 24);
    assert_int_equal(function.first_record, 0);
    assert_int_equal(function.n_records, 2);
    assert_int_equal(oj_stackmap_function(map, 1, &function, sizeof function), OJ_OK);
    assert_int_equal(function.index, 1);
    assert_int_equal(function.first_record, 2);
    assert_true(function.stack_size == OJ_STACKMAP_DYNAMIC);
    assert_int_equal(oj_stackmap_record(map, 0, &record, sizeof record), OJ_OK);
    assert_int_equal(record.id, 7);
    assert_int_equal(record.run_addr, 0x401010);
    assert_int_equal(record.function_addr, 0x401000);
    assert_int_equal(record.stack_size, 24);
    assert_int_equal(record.n_locations, 5);
    assert_int_equal(record.n_live_outs, 3);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(oj_stackmap_location_at(map, 0, i, &location, sizeof location), OJ_OK);
        assert_memory_equal(&location, &expected[i], sizeof location);
    }
    assert_int_equal(oj_stackmap_live_out_at(map, 0, 2, &live, sizeof live), OJ_OK);
    assert_int_equal(live.dwarf_register, 12);
    assert_int_equal(live.size, 8);
    oj_stackmap_destroy(map);
}

static void stackmap_indices_checked(void **state)
{
    ojt_stackmap bytes;
    oj_stackmap_function_info function;
    oj_stackmap_record_info record;
    oj_stackmap_location location;
    oj_stackmap_live_out live;
    oj_stackmap *map;
    (void)state;
    map = create_sample(&bytes, 0);
    assert_int_equal(oj_stackmap_function(map, 2, &function, sizeof function), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_record(map, 3, &record, sizeof record), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_location_at(map, 0, 5, &location, sizeof location), OJ_E_MISUSE);
    assert_int_equal(location.kind, 0);
    assert_int_equal(oj_stackmap_location_at(map, 3, 0, &location, sizeof location), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_live_out_at(map, 0, 3, &live, sizeof live), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_live_out_at(map, 1, 0, &live, sizeof live), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_record(map, 0, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_function(NULL, 0, &function, sizeof function), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_function_count(NULL), 0);
    assert_int_equal(oj_stackmap_record_count(NULL), 0);
    assert_int_equal(oj_stackmap_heap_size(NULL), 0);
    assert_int_equal(oj_stackmap_find(NULL, 0, 0, &record, sizeof record), OJ_E_NOT_FOUND);
    oj_stackmap_destroy(map);
    oj_stackmap_destroy(NULL);
}

static void stackmap_found_by_address_and_id(void **state)
{
    ojt_stackmap bytes;
    oj_stackmap_function_info function;
    oj_stackmap_record_info record;
    oj_stackmap *map;
    (void)state;
    map = create_sample(&bytes, 0x400000);
    assert_int_equal(oj_stackmap_find_function(map, 0x400000, &function, sizeof function), OJ_OK);
    assert_int_equal(function.index, 1);
    assert_int_equal(oj_stackmap_find_function(map, 0x400001, &function, sizeof function), OJ_E_NOT_FOUND);
    assert_int_equal(oj_stackmap_find_function(map, 0x401001, &function, sizeof function), OJ_E_NOT_FOUND);
    assert_int_equal(oj_stackmap_find(map, 0x401020, 0, &record, sizeof record), OJ_OK);
    assert_int_equal(record.index, 1);
    assert_int_equal(oj_stackmap_find(map, 0x40102d, 12, &record, sizeof record), OJ_E_NOT_FOUND);
    assert_int_equal(oj_stackmap_find(map, 0x40102d, 13, &record, sizeof record), OJ_OK);
    assert_int_equal(record.index, 1);
    assert_int_equal(oj_stackmap_find(map, 0x40002f, UINT64_MAX, &record, sizeof record), OJ_E_NOT_FOUND);
    assert_int_equal(oj_stackmap_find(map, UINT64_MAX, UINT64_MAX, &record, sizeof record), OJ_OK);
    assert_int_equal(record.index, 1);
    /* Of two of one identifier the one at the lower address comes first. */
    assert_int_equal(oj_stackmap_find_id(map, 7, 0, &record, sizeof record), OJ_OK);
    assert_int_equal(record.index, 2);
    assert_int_equal(oj_stackmap_find_id(map, 7, 1, &record, sizeof record), OJ_OK);
    assert_int_equal(record.index, 0);
    assert_int_equal(oj_stackmap_find_id(map, 7, 2, &record, sizeof record), OJ_E_NOT_FOUND);
    assert_int_equal(oj_stackmap_find_id(map, 8, 0, &record, sizeof record), OJ_E_NOT_FOUND);
    assert_int_equal(oj_stackmap_find_id(map, 10, 0, &record, sizeof record), OJ_E_NOT_FOUND);
    oj_stackmap_destroy(map);
}

/* Linkers put tables one behind the other, with zeros up to the next multiple of what they align sections to. */
static void stackmap_concatenated_tables_read(void **state)
{
    ojt_stackmap bytes = {.size = 0};
    oj_stackmap_record_info record;
    oj_stackmap_location location;
    oj_stackmap *map;
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        put_sample(&bytes, 0x400000 + i * 0x10000u);
        for (unsigned j = 0; j < i; j++)
            ojt_put(&bytes, 0, 8);
    }
    map = create(&bytes);
    assert_int_equal(oj_stackmap_function_count(map), 8);
    assert_int_equal(oj_stackmap_record_count(map), 12);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(oj_stackmap_find(map, 0x401010 + i * 0x10000u, 0, &record, sizeof record), OJ_OK);
        assert_int_equal(record.index, i * 3);
        assert_int_equal(record.function, i * 2);
        assert_int_equal(oj_stackmap_location_at(map, record.index, 4, &location, sizeof location), OJ_OK);
        assert_true(location.value == 0xfedcba9876543210);
    }
    oj_stackmap_destroy(map);
}

static void stackmap_empty_accepted(void **state)
{
    static const uint8_t zeros[24];
    oj_stackmap *map = NULL;
    oj_error error;
    (void)state;
    assert_int_equal(oj_stackmap_create(&map, NULL, 0, NULL, &error), OJ_OK);
    assert_int_equal(oj_stackmap_record_count(map), 0);
    oj_stackmap_destroy(map);
    assert_int_equal(oj_stackmap_create(&map, zeros, sizeof zeros, NULL, &error), OJ_OK);
    assert_int_equal(oj_stackmap_function_count(map), 0);
    oj_stackmap_destroy(map);
}

/* Many records in no order, against a search through all of them. */
static void stackmap_finds_what_a_search_finds(void **state)
{
    enum { N = 120 };
    ojt_stackmap bytes = {.size = 0};
    oj_stackmap_record_info record, other;
    oj_stackmap *map;
    uint32_t random = 12345;
    (void)state;
    ojt_put_header(&bytes, 1, 0, N);
    ojt_put_function(&bytes, 0x1000, 0, N);
    for (int i = 0; i < N; i++) {
        random = random * 1664525 + 1013904223;
        ojt_put_empty_record(&bytes, random >> 28, random >> 16 & 0xff);
    }
    map = create(&bytes);
    for (uint64_t addr = 0xff0; addr < 0x1110; addr++) {
        size_t best = SIZE_MAX;
        uint64_t best_addr = 0;
        for (size_t i = 0; i < N; i++) {
            oj_stackmap_record(map, i, &other, sizeof other);
            if (other.run_addr <= addr && other.run_addr > best_addr) {
                best_addr = other.run_addr;
                best = i;
            }
        }
        if (best == SIZE_MAX) {
            assert_int_equal(oj_stackmap_find(map, addr, 0x1000, &record, sizeof record), OJ_E_NOT_FOUND);
            continue;
        }
        assert_int_equal(oj_stackmap_find(map, addr, 0x1000, &record, sizeof record), OJ_OK);
        assert_int_equal(record.index, best);
        assert_int_equal(oj_stackmap_find(map, addr, 0, &record, sizeof record),
                         best_addr == addr ? OJ_OK : OJ_E_NOT_FOUND);
    }
    for (uint64_t id = 0; id < 16; id++) {
        size_t n = 0, found = 0;
        uint64_t last = 0;
        for (size_t i = 0; i < N; i++) {
            oj_stackmap_record(map, i, &other, sizeof other);
            n += other.id == id;
        }
        while (oj_stackmap_find_id(map, id, found, &record, sizeof record) == OJ_OK) {
            assert_int_equal(record.id, id);
            assert_true(record.run_addr >= last);
            last = record.run_addr;
            found++;
        }
        assert_int_equal(found, n);
    }
    oj_stackmap_destroy(map);
}

static void stackmap_values_read(void **state)
{
    uint16_t memory[4] = {1, 2, 0xabcd, 4};
    uint64_t registers[8] = {0}, value = 1;
    oj_stackmap_location location = {.kind = OJ_LOCATION_REGISTER, .size = 4, .dwarf_register = 3};
    (void)state;
    registers[3] = 0x1122334455667788;
    registers[7] = (uint64_t)(uintptr_t)memory;
    assert_int_equal(oj_stackmap_value(&location, registers, 8, &value), OJ_OK);
    assert_int_equal(value, 0x55667788);
    location.size = 1;
    location.offset = 8;
    assert_int_equal(oj_stackmap_value(&location, registers, 8, &value), OJ_OK);
    assert_int_equal(value, 0x77);
    location.offset = 64;
    assert_int_equal(oj_stackmap_value(&location, registers, 8, &value), OJ_E_UNSUPPORTED);
    assert_int_equal(value, 0);
    location = (oj_stackmap_location){.kind = OJ_LOCATION_INDIRECT, .size = 2, .dwarf_register = 7, .offset = 4};
    assert_int_equal(oj_stackmap_value(&location, registers, 8, &value), OJ_OK);
    assert_int_equal(value, 0xabcd);
    location.size = 16;
    assert_int_equal(oj_stackmap_value(&location, registers, 8, &value), OJ_E_UNSUPPORTED);
    location.size = 2;
    assert_int_equal(oj_stackmap_value(&location, registers, 7, &value), OJ_E_NOT_FOUND);
    location = (oj_stackmap_location){.kind = OJ_LOCATION_DIRECT, .size = 8, .dwarf_register = 7, .offset = -2};
    assert_int_equal(oj_stackmap_value(&location, registers, 8, &value), OJ_OK);
    assert_true(value == (uint64_t)(uintptr_t)memory - 2);
    location = (oj_stackmap_location){.kind = OJ_LOCATION_CONSTANT, .size = 8, .value = 99};
    assert_int_equal(oj_stackmap_value(&location, NULL, 0, &value), OJ_OK);
    assert_int_equal(value, 99);
    location.kind = 6;
    assert_int_equal(oj_stackmap_value(&location, registers, 8, &value), OJ_E_MISUSE);
}

/* A statepoint's record with these locations; the caller destroys the map. */
static oj_stackmap *statepoint(ojt_stackmap *bytes, int32_t n_deopts, const uint8_t *kinds, uint16_t n)
{
    bytes->size = 0;
    ojt_put_header(bytes, 1, 0, 1);
    ojt_put_function(bytes, 0x1000, 8, 1);
    ojt_put_record(bytes, 0xabcdef00, 4, (uint16_t)(3 + n));
    ojt_put_location(bytes, 4, 8, 0, 5);
    ojt_put_location(bytes, 4, 8, 0, 2);
    ojt_put_location(bytes, 4, 8, 0, n_deopts);
    for (uint16_t i = 0; i < n; i++)
        ojt_put_location(bytes, kinds[i], 8, 7, i);
    ojt_put_live_outs(bytes, 0, NULL);
    return create(bytes);
}

static void stackmap_statepoint_decoded(void **state)
{
    static const uint8_t kinds[] = {4, 2, 3, 3, 1, 3, 2, 2};
    ojt_stackmap bytes;
    oj_statepoint point;
    oj_error error;
    oj_stackmap *map = statepoint(&bytes, 2, kinds, 8);
    (void)state;
    assert_int_equal(oj_stackmap_statepoint(map, 0, &point, sizeof point, &error), OJ_OK);
    assert_int_equal(point.calling_convention, 5);
    assert_int_equal(point.flags, 2);
    assert_int_equal(point.first_deopt, 3);
    assert_int_equal(point.n_deopts, 2);
    assert_int_equal(point.first_root, 5);
    assert_int_equal(point.n_roots, 2);
    assert_int_equal(point.first_alloca, 9);
    assert_int_equal(point.n_allocas, 2);
    assert_int_equal(oj_stackmap_statepoint(map, 1, &point, sizeof point, &error), OJ_E_MISUSE);
    oj_stackmap_destroy(map);
}

static void stackmap_statepoint_malformed_refused(void **state)
{
    static const uint8_t kinds[] = {3, 3, 3, 2};
    ojt_stackmap bytes;
    oj_statepoint point;
    oj_error error;
    oj_stackmap *map;
    (void)state;
    /* An odd number of root locations; more deopt values than locations; a number that is none. */
    map = statepoint(&bytes, 0, kinds, 4);
    assert_int_equal(oj_stackmap_statepoint(map, 0, &point, sizeof point, &error), OJ_E_MALFORMED);
    assert_non_null(strstr(error.text, "record 0"));
    oj_stackmap_destroy(map);
    map = statepoint(&bytes, 5, kinds, 4);
    assert_int_equal(oj_stackmap_statepoint(map, 0, &point, sizeof point, &error), OJ_E_MALFORMED);
    oj_stackmap_destroy(map);
    map = statepoint(&bytes, -1, kinds, 4);
    assert_int_equal(oj_stackmap_statepoint(map, 0, &point, sizeof point, &error), OJ_E_MALFORMED);
    oj_stackmap_destroy(map);
    map = create_sample(&bytes, 0);
    assert_int_equal(oj_stackmap_statepoint(map, 0, &point, sizeof point, &error), OJ_E_MALFORMED);
    assert_int_equal(oj_stackmap_statepoint(map, 1, &point, sizeof point, &error), OJ_E_MALFORMED);
    oj_stackmap_destroy(map);
}

/* As code of another processor has it. */
static void stackmap_of_the_other_byte_order_read(void **state)
{
    ojt_put_turned = true;
    stackmap_every_field_read(state);
    stackmap_found_by_address_and_id(state);
    stackmap_concatenated_tables_read(state);
    stackmap_finds_what_a_search_finds(state);
    stackmap_statepoint_decoded(state);
    ojt_put_turned = false;
}

static void stackmap_patch_range_checked(void **state)
{
    ojt_stackmap bytes;
    uint64_t addr;
    oj_error error;
    oj_stackmap *map;
    (void)state;
    map = create_sample(&bytes, 0x400000);
    assert_int_equal(oj_stackmap_patch_range(map, 0, 16, NULL, &addr, &error), OJ_OK);
    assert_int_equal(addr, 0x401010);
    assert_int_equal(oj_stackmap_patch_range(map, 0, 17, NULL, &addr, &error), OJ_E_RANGE);
    assert_int_equal(addr, 0);
    assert_int_equal(oj_stackmap_patch_range(map, 1, 17, NULL, &addr, &error), OJ_OK);
    assert_int_equal(oj_stackmap_patch_range(map, 1, UINT64_MAX, NULL, &addr, &error), OJ_E_RANGE);
    assert_int_equal(oj_stackmap_patch_range(map, 1, 0, NULL, &addr, &error), OJ_E_MISUSE);
    assert_string_equal(error.text, "n_bytes is 0");
    assert_int_equal(oj_stackmap_patch_range(map, 3, 1, NULL, &addr, &error), OJ_E_MISUSE);
    assert_string_equal(error.text, "there is no record 3, the stack maps have 3");
    assert_int_equal(oj_stackmap_patch_range(NULL, 0, 1, NULL, &addr, &error), OJ_E_MISUSE);
    assert_string_equal(error.text, "map is NULL");
    oj_stackmap_destroy(map);
}

/* Every argument that can be missing is, and places that there are none of. */
static void stackmap_missing_arguments_refused(void **state)
{
    ojt_stackmap bytes;
    oj_stackmap_function_info function;
    oj_stackmap_record_info record;
    oj_stackmap_location location;
    oj_stackmap_live_out live;
    oj_stackmap_range range;
    oj_statepoint statepoint;
    oj_stackmap *map;
    oj_error error;
    uint64_t value = 0;
    (void)state;
    map = create_sample(&bytes, 0x400000);
    assert_int_equal(oj_code_stackmap_range(NULL, 0, &range, sizeof range), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_function(map, 0, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_function(NULL, 0, &function, sizeof function), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_find_function(map, 0x400000, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_find_function(NULL, 0, &function, sizeof function), OJ_E_NOT_FOUND);
    assert_int_equal(oj_stackmap_record(NULL, 0, &record, sizeof record), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_record(map, 0, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_find(map, 0, 0, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_find(NULL, 0, 0, &record, sizeof record), OJ_E_NOT_FOUND);
    assert_int_equal(oj_stackmap_find_id(map, 7, 0, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_find_id(NULL, 7, 0, &record, sizeof record), OJ_E_NOT_FOUND);
    assert_int_equal(oj_stackmap_location_at(map, 0, 0, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_location_at(NULL, 0, 0, &location, sizeof location), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_live_out_at(map, 0, 0, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_live_out_at(NULL, 0, 0, &live, sizeof live), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_live_out_at(map, 3, 0, &live, sizeof live), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_value(NULL, &value, 1, &value), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_value(&location, &value, 1, NULL), OJ_E_MISUSE);
    memset(&location, 0, sizeof location);
    location.kind = OJ_LOCATION_REGISTER;
    assert_int_equal(oj_stackmap_value(&location, NULL, 1, &value), OJ_E_NOT_FOUND);
    location.offset = -1;
    assert_int_equal(oj_stackmap_value(&location, &value, 1, &value), OJ_E_UNSUPPORTED);
    location.kind = 0;
    assert_int_equal(oj_stackmap_value(&location, &value, 1, &value), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_patch_range(map, 0, 8, NULL, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_patch_range(NULL, 0, 8, NULL, &value, &error), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_statepoint(map, 0, NULL, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_stackmap_statepoint(NULL, 0, &statepoint, sizeof statepoint, &error), OJ_E_MISUSE);
    oj_stackmap_destroy(map);
}

OJT_MAIN(cmocka_unit_test(stackmap_missing_arguments_refused), cmocka_unit_test(stackmap_of_the_other_byte_order_read),
         cmocka_unit_test(stackmap_every_field_read), cmocka_unit_test(stackmap_indices_checked),
         cmocka_unit_test(stackmap_found_by_address_and_id), cmocka_unit_test(stackmap_concatenated_tables_read),
         cmocka_unit_test(stackmap_empty_accepted), cmocka_unit_test(stackmap_finds_what_a_search_finds),
         cmocka_unit_test(stackmap_values_read), cmocka_unit_test(stackmap_statepoint_decoded),
         cmocka_unit_test(stackmap_statepoint_malformed_refused), cmocka_unit_test(stackmap_patch_range_checked))
