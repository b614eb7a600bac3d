/* An index over stack map tables. Sizes and counts are kept here and not read again: whatever the bytes say later, no
 * call reads outside what was checked. */
#ifndef OJI_CODE_STACKMAP_H
#define OJI_CODE_STACKMAP_H

#include "base/base.h"

#include <ownjit/stackmap.h>

/* What one table of the bytes has for all its records. */
typedef struct oji_stackmap_table {
    const uint8_t *constants;
    uint64_t n_constants;
} oji_stackmap_table;

typedef struct oji_stackmap_function {
    uint64_t run_addr;
    uint64_t stack_size;
    uint32_t first_record;
    uint32_t n_records;
    uint32_t table;
    uint32_t reserved;
} oji_stackmap_function;

typedef struct oji_stackmap_record {
    const uint8_t *bytes; /* of the record */
    uint32_t function;
    uint16_t n_locations;
    uint16_t n_live_outs;
} oji_stackmap_record;

/* One heap block: this, then tables, functions, records and the orders. */
struct oj_stackmap {
    oj_allocator allocator;
    uint64_t heap_size; /* bytes of the block */
    oji_stackmap_table *tables;
    oji_stackmap_function *functions;
    oji_stackmap_record *records;
    uint32_t *functions_by_addr; /* indices in ascending order; equal ones in ascending order of indices */
    uint32_t *by_addr;
    uint32_t *by_id;
    uint32_t n_tables;
    uint32_t n_functions;
    uint32_t n_records;
    bool is_big; /* words have their highest byte first: the code's architecture, which need not be this process's */
};

/* Bytes of the format's parts. */
enum {
    OJI_STACKMAP_HEADER = 16,
    OJI_STACKMAP_FUNCTION = 24,
    OJI_STACKMAP_CONSTANT = 8,
    OJI_STACKMAP_RECORD = 16, /* up to its locations */
    OJI_STACKMAP_LOCATION = 12,
    OJI_STACKMAP_LIVE_OUT = 4
};

/* Fields of the bytes, in their order. */
static inline uint16_t oji_stackmap_load16(bool is_big, const uint8_t *p)
{
    return is_big ? oji_load16be(p) : oji_load16(p);
}
static inline uint32_t oji_stackmap_load32(bool is_big, const uint8_t *p)
{
    return is_big ? oji_load32be(p) : oji_load32(p);
}
static inline uint64_t oji_stackmap_load64(bool is_big, const uint8_t *p)
{
    return is_big ? oji_load64be(p) : oji_load64(p);
}

static inline uint64_t oji_stackmap_id(const oj_stackmap *map, uint32_t record)
{
    return oji_stackmap_load64(map->is_big, map->records[record].bytes);
}

/* Offsets count from the function's start. A sum that wraps is an address like any other: nothing is read there. */
static inline uint64_t oji_stackmap_addr(const oj_stackmap *map, uint32_t record)
{
    const oji_stackmap_record *r = &map->records[record];
    return map->functions[r->function].run_addr + oji_stackmap_load32(map->is_big, r->bytes + 8);
}

/* Bytes from a record's start to its live-outs' count: locations are padded to a multiple of 8. */
static inline uint64_t oji_stackmap_locations_end(uint32_t n_locations)
{
    return (OJI_STACKMAP_RECORD + (uint64_t)n_locations * OJI_STACKMAP_LOCATION + 7) & ~UINT64_C(7);
}

/* stackmap.c: index several ranges of bytes; `what` is what messages call them. */
oj_status oji_stackmap_create(oj_stackmap **out, const oji_bytes *ranges, size_t n_ranges, const char *what,
                              const oj_allocator *allocator, oj_error *error);

/* stackmap_find.c: put the orders in order. */
void oji_stackmap_sort(oj_stackmap *map);

#endif
