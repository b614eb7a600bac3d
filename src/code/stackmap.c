/* Stack maps from untrusted bytes into an index.
 *
 * The bytes are walked twice by the same code: once to check and to count, once to fill the index, which by then has
 * exactly that much room. The second walk checks again, and stops where the room ends: the bytes are the client's, and
 * may have changed in between. */
#include "code/stackmap.h"

#include "code/code.h"

/* A walk over the bytes. `map` is NULL while counting. */
typedef struct walk {
    oji_bytes bytes; /* of the range at hand */
    uint64_t at;     /* bytes into it */
    size_t range;    /* its index */
    oj_stackmap *map;
    uint64_t n_tables;
    uint64_t n_functions;
    uint64_t n_records;
    bool is_big;      /* oj_stackmap.is_big */
    const char *what; /* the bytes' name, for messages */
    oj_error *error;
} walk;

/* A table's header, and where its parts begin. */
typedef struct table {
    uint32_t n_functions;
    uint32_t n_constants;
    uint32_t n_records;
    uint64_t functions_off; /* bytes into the range */
    uint64_t constants_off;
} table;

static oj_status fail(const walk *w, oj_status status, uint64_t offset, const char *text)
{
    const oji_place place = {.section = ".llvm_stackmaps", .offset = offset};
    return oji_fail_at(w->error, status, &place, "%s: range %zu, offset 0x%llx: %s", w->what, w->range,
                       (unsigned long long)offset, text);
}

/* Pass over n parts of `size` bytes; *offset is where they begin. n is at most 2^32, so that the product cannot
 * wrap. */
static oj_status take(walk *w, uint64_t n, uint64_t size, const char *what, uint64_t *offset)
{
    *offset = w->at;
    if (!oji_bytes_contain(w->bytes, w->at, n * size))
        return fail(w, OJ_E_TRUNCATED, w->at, what);
    w->at += n * size;
    return OJ_OK;
}

static oj_status read_header(walk *w, table *t)
{
    const uint8_t *header;
    uint64_t offset;
    OJI_TRY(take(w, 1, OJI_STACKMAP_HEADER, "the header of a stack map ends too early", &offset));
    header = w->bytes.data + offset;
    if (header[0] != 3)
        return fail(w, OJ_E_UNSUPPORTED, offset, "a stack map of another version than 3");
    if (header[1] != 0 || oji_stackmap_load16(w->is_big, header + 2) != 0)
        return fail(w, OJ_E_MALFORMED, offset + 1, "reserved bytes of a stack map's header are not zero");
    t->n_functions = oji_stackmap_load32(w->is_big, header + 4);
    t->n_constants = oji_stackmap_load32(w->is_big, header + 8);
    t->n_records = oji_stackmap_load32(w->is_big, header + 12);
    OJI_TRY(take(w, t->n_functions, OJI_STACKMAP_FUNCTION, "the functions of a stack map end too early",
                 &t->functions_off));
    return take(w, t->n_constants, OJI_STACKMAP_CONSTANT, "the constants of a stack map end too early",
                &t->constants_off);
}

/* Everything that a location says and that reading it relies on. */
static oj_status check_location(const walk *w, const table *t, uint64_t offset)
{
    const uint8_t *location = w->bytes.data + offset;
    uint8_t kind = location[0];
    if (kind < OJ_LOCATION_REGISTER || kind > OJ_LOCATION_CONSTANT_INDEX)
        return fail(w, OJ_E_MALFORMED, offset, "a location of an unknown kind");
    if (kind == OJ_LOCATION_CONSTANT_INDEX && oji_stackmap_load32(w->is_big, location + 8) >= t->n_constants)
        return fail(w, OJ_E_MALFORMED, offset + 8, "a location's constant is not in the table");
    return OJ_OK;
}

/* The index has room for what was counted; more than that can only be bytes that changed. */
static oj_status add_record(walk *w, uint32_t function, uint64_t offset, uint16_t n_locations, uint16_t n_live_outs)
{
    uint64_t index = w->n_records++;
    if (!w->map)
        return w->n_records < UINT32_MAX ? OJ_OK : fail(w, OJ_E_LIMIT, offset, "too many records");
    if (index >= w->map->n_records)
        return fail(w, OJ_E_MALFORMED, offset, "the bytes changed while they were read");
    w->map->records[index] = (oji_stackmap_record){
        .bytes = w->bytes.data + offset, .function = function, .n_locations = n_locations, .n_live_outs = n_live_outs};
    return OJ_OK;
}

/* Padding is not looked at: nothing depends on it. */
static oj_status read_record(walk *w, const table *t, uint32_t function)
{
    uint64_t start, locations, padding, live_outs;
    uint16_t n_locations, n_live_outs;
    OJI_TRY(take(w, 1, OJI_STACKMAP_RECORD, "a record ends too early", &start));
    n_locations = oji_stackmap_load16(w->is_big, w->bytes.data + start + 14);
    OJI_TRY(take(w, n_locations, OJI_STACKMAP_LOCATION, "a record's locations end too early", &locations));
    for (uint32_t i = 0; i < n_locations; i++)
        OJI_TRY(check_location(w, t, locations + (uint64_t)i * OJI_STACKMAP_LOCATION));
    OJI_TRY(take(w, start + oji_stackmap_locations_end(n_locations) - w->at, 1, "a record ends too early", &padding));
    OJI_TRY(take(w, 1, 4, "a record ends before its live-outs", &live_outs));
    n_live_outs = oji_stackmap_load16(w->is_big, w->bytes.data + live_outs + 2);
    OJI_TRY(take(w, n_live_outs, OJI_STACKMAP_LIVE_OUT, "a record's live-outs end too early", &live_outs));
    OJI_TRY(take(w, (start - w->at) & 7, 1, "a record's padding ends too early", &padding));
    return add_record(w, function, start, n_locations, n_live_outs);
}

/* A function's records follow those of the function before it. */
static oj_status read_function(walk *w, const table *t, uint32_t index, uint64_t *records_left)
{
    uint64_t offset = t->functions_off + (uint64_t)index * OJI_STACKMAP_FUNCTION, function = w->n_functions++;
    const uint8_t *bytes = w->bytes.data + offset;
    uint64_t n_records = oji_stackmap_load64(w->is_big, bytes + 16);
    if (n_records > *records_left)
        return fail(w, OJ_E_MALFORMED, offset + 16, "the functions of a stack map have more records than it has");
    *records_left -= n_records;
    if (!w->map && w->n_functions >= UINT32_MAX)
        return fail(w, OJ_E_LIMIT, offset, "too many functions");
    if (w->map && function >= w->map->n_functions)
        return fail(w, OJ_E_MALFORMED, offset, "the bytes changed while they were read");
    if (w->map)
        w->map->functions[function] = (oji_stackmap_function){.run_addr = oji_stackmap_load64(w->is_big, bytes),
                                                              .stack_size = oji_stackmap_load64(w->is_big, bytes + 8),
                                                              .first_record = (uint32_t)w->n_records,
                                                              .n_records = (uint32_t)n_records,
                                                              .table = (uint32_t)w->n_tables};
    for (uint64_t i = 0; i < n_records; i++)
        OJI_TRY(read_record(w, t, (uint32_t)function));
    return OJ_OK;
}

static oj_status read_table(walk *w)
{
    table t = {0};
    uint64_t start = w->at, records_left;
    OJI_TRY(read_header(w, &t));
    if (w->map && w->n_tables >= w->map->n_tables)
        return fail(w, OJ_E_MALFORMED, start, "the bytes changed while they were read");
    if (w->map)
        w->map->tables[w->n_tables] =
            (oji_stackmap_table){.constants = w->bytes.data + t.constants_off, .n_constants = t.n_constants};
    records_left = t.n_records;
    for (uint32_t i = 0; i < t.n_functions; i++)
        OJI_TRY(read_function(w, &t, i, &records_left));
    if (records_left > 0)
        return fail(w, OJ_E_MALFORMED, start + 12, "a stack map has more records than its functions");
    w->n_tables++;
    return OJ_OK;
}

/* Sections are aligned to 8 and a table begins with its version, so that zeros can only be what a linker left between
 * two. */
static oj_status read_range(walk *w, oji_bytes bytes)
{
    w->bytes = bytes;
    w->at = 0;
    while (w->at < bytes.size) {
        if (bytes.data[w->at] == 0) {
            w->at++;
            continue;
        }
        if (w->at & 7)
            return fail(w, OJ_E_MALFORMED, w->at, "a byte that is not zero between two stack maps");
        OJI_TRY(read_table(w));
    }
    return OJ_OK;
}

static oj_status read_ranges(walk *w, const oji_bytes *ranges, size_t n_ranges)
{
    w->n_tables = w->n_functions = w->n_records = 0;
    for (size_t i = 0; i < n_ranges; i++) {
        w->range = i;
        OJI_TRY(read_range(w, ranges[i]));
    }
    if (w->map &&
        (w->n_tables != w->map->n_tables || w->n_functions != w->map->n_functions || w->n_records != w->map->n_records))
        return fail(w, OJ_E_MALFORMED, 0, "the bytes changed while they were read");
    return OJ_OK;
}

/* Counts are below 2^32, so that no sum wraps. The parts stand in descending order of alignment. */
static oj_stackmap *allocate(const oj_allocator *allocator, const walk *w)
{
    uint64_t size = sizeof(oj_stackmap) + w->n_tables * sizeof(oji_stackmap_table) +
                    w->n_functions * (sizeof(oji_stackmap_function) + sizeof(uint32_t)) +
                    w->n_records * (sizeof(oji_stackmap_record) + 2 * sizeof(uint32_t));
    oj_stackmap *map = oji_allocate_zeroed(allocator, size);
    if (!map)
        return NULL;
    map->allocator = *allocator;
    map->heap_size = size;
    map->is_big = w->is_big;
    map->n_tables = (uint32_t)w->n_tables;
    map->n_functions = (uint32_t)w->n_functions;
    map->n_records = (uint32_t)w->n_records;
    map->tables = (oji_stackmap_table *)(void *)(map + 1);
    map->functions = (oji_stackmap_function *)(void *)(map->tables + w->n_tables);
    map->records = (oji_stackmap_record *)(void *)(map->functions + w->n_functions);
    map->functions_by_addr = (uint32_t *)(void *)(map->records + w->n_records);
    map->by_addr = map->functions_by_addr + w->n_functions;
    map->by_id = map->by_addr + w->n_records;
    return map;
}

/* Check and count. Nothing says the order of bytes, but the counts of the other make no sense: functions of a few would
 * be millions. Where neither does the message is of this process's. */
static oj_status count_ranges(walk *w, const oji_bytes *ranges, size_t n_ranges)
{
    walk other = {.what = w->what, .is_big = !OJI_HOST_IS_BIG};
    oj_status status;
    w->is_big = OJI_HOST_IS_BIG;
    status = read_ranges(w, ranges, n_ranges);
    if (OJI_LIKELY(status == OJ_OK) || read_ranges(&other, ranges, n_ranges) != OJ_OK)
        return status;
    other.error = w->error;
    *w = other;
    return OJ_OK;
}

oj_status oji_stackmap_create(oj_stackmap **out, const oji_bytes *ranges, size_t n_ranges, const char *what,
                              const oj_allocator *allocator, oj_error *error)
{
    walk w = {.what = what, .error = error};
    oj_status status;
    OJI_TRY(count_ranges(&w, ranges, n_ranges));
    w.map = allocate(allocator, &w);
    if (!w.map)
        return oji_fail_nomem(error, w.n_records * sizeof(oji_stackmap_record), "an index of stack maps");
    status = read_ranges(&w, ranges, n_ranges);
    if (status != OJ_OK) {
        oj_stackmap_destroy(w.map);
        return status;
    }
    oji_stackmap_sort(w.map);
    *out = w.map;
    return oji_succeed(error);
}

oj_status oj_stackmap_create(oj_stackmap **out, const void *bytes, size_t size, const oj_allocator *allocator,
                             oj_error *error)
{
    const oji_bytes range = {.data = bytes, .size = size};
    oj_allocator ours;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "out is NULL");
    *out = NULL;
    if (!bytes && size > 0)
        return oji_fail(error, OJ_E_MISUSE, "bytes is NULL but size is %zu", size);
    OJI_TRY(oji_allocator_import(&ours, allocator, error));
    return oji_stackmap_create(out, &range, 1, "the stack maps", &ours, error);
}

/* The allocator is copied, because it lies in the block that it frees. */
void oj_stackmap_destroy(oj_stackmap *map)
{
    if (map) {
        oj_allocator allocator = map->allocator;
        oji_release(&allocator, map, map->heap_size);
    }
}

size_t oj_stackmap_heap_size(const oj_stackmap *map) { return map ? (size_t)map->heap_size : 0; }

/* --- of a code ---------------------------------------------------------------------------------------------------- */

size_t oj_code_stackmap_count(const oj_code *code) { return code ? code->n_stackmaps : 0; }

oj_status oj_code_stackmap_range(const oj_code *code, size_t index, oj_stackmap_range *range, size_t out_size)
{
    if (!range)
        return OJ_E_MISUSE;
    memset(range, 0, out_size);
    if (!code || index >= code->n_stackmaps)
        return OJ_E_MISUSE;
    oji_export(range, out_size, &oji_code_stackmaps(code)[index], sizeof(oj_stackmap_range));
    return OJ_OK;
}

/* A link of one object, which is nearly all of them, needs no array. */
oj_status oj_code_stackmap(oj_stackmap **out, const oj_code *code, const oj_allocator *allocator, oj_error *error)
{
    oji_bytes one, *ranges = &one;
    oj_allocator ours;
    oj_status status;
    if (!out)
        return oji_fail(error, OJ_E_MISUSE, "out is NULL");
    *out = NULL;
    if (!code)
        return oji_fail(error, OJ_E_MISUSE, "code is NULL");
    OJI_TRY(oji_allocator_import(&ours, allocator, error));
    if (code->n_stackmaps == 0)
        return oji_fail(error, OJ_E_NOT_FOUND, "the code has no stack maps");
    if (!code->memory || code->is_foreign)
        return oji_fail(error, OJ_E_MISUSE,
                        "the code is not this process's, or was made by oj_plan_write(): pass the "
                        "bytes to oj_stackmap_create()");
    if (code->n_stackmaps > 1)
        ranges = oji_allocate(&ours, code->n_stackmaps * sizeof *ranges);
    if (!ranges)
        return oji_fail_nomem(error, code->n_stackmaps * sizeof *ranges, "ranges of stack maps");
    for (uint32_t i = 0; i < code->n_stackmaps; i++)
        ranges[i] = (oji_bytes){.data = (const uint8_t *)(uintptr_t)oji_code_stackmaps(code)[i].run_addr,
                                .size = oji_code_stackmaps(code)[i].size};
    status = oji_stackmap_create(out, ranges, code->n_stackmaps, "the code's stack maps", &ours, error);
    if (ranges != &one)
        oji_release(&ours, ranges, code->n_stackmaps * sizeof *ranges);
    return status;
}
