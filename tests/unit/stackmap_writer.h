/* Writes stack map tables field by field, as they should be and as they should not. */
#ifndef OJT_STACKMAP_WRITER_H
#define OJT_STACKMAP_WRITER_H

#include "base/base.h"

#include <stdint.h>
#include <string.h>

typedef struct ojt_stackmap {
    uint8_t bytes[4096];
    size_t size;
} ojt_stackmap;

/* In the order of bytes that is not this process's. */
static bool ojt_put_turned;

static inline size_t ojt_put(ojt_stackmap *out, uint64_t value, size_t size)
{
    size_t at = out->size;
    for (size_t i = 0; i < size; i++)
        out->bytes[out->size++] = (uint8_t)(value >> 8 * (OJI_HOST_IS_BIG != ojt_put_turned ? size - 1 - i : i));
    return at;
}

static inline void ojt_put_header(ojt_stackmap *out, uint32_t n_functions, uint32_t n_constants, uint32_t n_records)
{
    ojt_put(out, 3, 1);
    ojt_put(out, 0, 3);
    ojt_put(out, n_functions, 4);
    ojt_put(out, n_constants, 4);
    ojt_put(out, n_records, 4);
}

static inline void ojt_put_function(ojt_stackmap *out, uint64_t addr, uint64_t stack_size, uint64_t n_records)
{
    ojt_put(out, addr, 8);
    ojt_put(out, stack_size, 8);
    ojt_put(out, n_records, 8);
}

static inline void ojt_put_record(ojt_stackmap *out, uint64_t id, uint32_t offset, uint16_t n_locations)
{
    ojt_put(out, id, 8);
    ojt_put(out, offset, 4);
    ojt_put(out, 0, 2);
    ojt_put(out, n_locations, 2);
}

static inline void ojt_put_location(ojt_stackmap *out, uint8_t kind, uint16_t size, uint16_t dwarf_register,
                                    int32_t offset)
{
    ojt_put(out, kind, 1);
    ojt_put(out, 0, 1);
    ojt_put(out, size, 2);
    ojt_put(out, dwarf_register, 2);
    ojt_put(out, 0, 2);
    ojt_put(out, (uint32_t)offset, 4);
}

static inline void ojt_put_padding(ojt_stackmap *out)
{
    while (out->size % 8 != 0)
        ojt_put(out, 0, 1);
}

/* Behind a record's locations. */
static inline void ojt_put_live_outs(ojt_stackmap *out, uint16_t n, const uint16_t *dwarf_registers)
{
    ojt_put_padding(out);
    ojt_put(out, 0, 2);
    ojt_put(out, n, 2);
    for (uint16_t i = 0; i < n; i++) {
        ojt_put(out, dwarf_registers[i], 2);
        ojt_put(out, 0, 1);
        ojt_put(out, 8, 1);
    }
    ojt_put_padding(out);
}

/* A record without locations and live-outs. */
static inline void ojt_put_empty_record(ojt_stackmap *out, uint64_t id, uint32_t offset)
{
    ojt_put_record(out, id, offset, 0);
    ojt_put_live_outs(out, 0, NULL);
}

#endif
