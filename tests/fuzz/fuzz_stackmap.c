/* Any bytes as stack maps: index them, and ask everything of what is accepted. */
#include "unit/object_walk.h"

#include <ownjit/ownjit.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is found by address and by identifier is what it was looked for by, and stands where the order says. */
static void check_record(const oj_stackmap *map, const oj_stackmap_record_info *record)
{
    oj_stackmap_record_info found;
    OJT_REQUIRE(oj_stackmap_find(map, record->run_addr, 0, &found, sizeof found) == OJ_OK);
    OJT_REQUIRE(found.run_addr == record->run_addr && found.index <= record->index);
    OJT_REQUIRE(oj_stackmap_find_id(map, record->id, 0, &found, sizeof found) == OJ_OK);
    OJT_REQUIRE(found.id == record->id && found.run_addr <= record->run_addr);
}

static void check_statepoint(const oj_stackmap *map, const oj_stackmap_record_info *record)
{
    oj_statepoint point;
    oj_error error;
    oj_status status = oj_stackmap_statepoint(map, record->index, &point, sizeof point, &error);
    ojt_check_error(&error, status);
    if (status == OJ_OK)
        OJT_REQUIRE(3 + point.n_deopts + 2 * point.n_roots + point.n_allocas == record->n_locations);
}

static void walk(const oj_stackmap *map)
{
    for (size_t i = 0; i < oj_stackmap_record_count(map); i++) {
        oj_stackmap_record_info record;
        oj_stackmap_location location;
        oj_stackmap_live_out live_out;
        uint64_t value, registers[32] = {0};
        OJT_REQUIRE(oj_stackmap_record(map, i, &record, sizeof record) == OJ_OK);
        for (size_t j = 0; j < record.n_locations; j++) {
            OJT_REQUIRE(oj_stackmap_location_at(map, i, j, &location, sizeof location) == OJ_OK);
            OJT_REQUIRE(location.kind >= OJ_LOCATION_REGISTER && location.kind <= OJ_LOCATION_CONSTANT_INDEX);
            /* Indirect ones would be read. */
            if (location.kind != OJ_LOCATION_INDIRECT)
                oj_stackmap_value(&location, registers, 32, &value);
        }
        for (size_t j = 0; j < record.n_live_outs; j++)
            OJT_REQUIRE(oj_stackmap_live_out_at(map, i, j, &live_out, sizeof live_out) == OJ_OK);
        check_record(map, &record);
        check_statepoint(map, &record);
        oj_stackmap_patch_range(map, i, 16, NULL, &value, NULL);
    }
}

static void walk_functions(const oj_stackmap *map)
{
    size_t n_records = 0;
    for (size_t i = 0; i < oj_stackmap_function_count(map); i++) {
        oj_stackmap_function_info function, found;
        OJT_REQUIRE(oj_stackmap_function(map, i, &function, sizeof function) == OJ_OK);
        OJT_REQUIRE(function.first_record == n_records);
        n_records += function.n_records;
        OJT_REQUIRE(oj_stackmap_find_function(map, function.run_addr, &found, sizeof found) == OJ_OK);
        OJT_REQUIRE(found.run_addr == function.run_addr && found.index <= i);
    }
    OJT_REQUIRE(n_records == oj_stackmap_record_count(map));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    oj_stackmap *map;
    oj_error error;
    oj_status status = oj_stackmap_create(&map, data, size, NULL, &error);
    ojt_check_error(&error, status);
    OJT_REQUIRE((status == OJ_OK) == (map != NULL));
    if (map) {
        walk(map);
        walk_functions(map);
    }
    oj_stackmap_destroy(map);
    return 0;
}
