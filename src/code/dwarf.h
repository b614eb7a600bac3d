/* Reading DWARF that nobody vouches for: a cursor that never leaves its bytes. */
#ifndef OJI_DWARF_H
#define OJI_DWARF_H

#include "base/base.h"

/* What is read behind the end is 0, and is_bad is set from then on: one check after several reads is enough. */
typedef struct oji_cursor {
    const uint8_t *next;
    const uint8_t *end;
    bool is_bad;
} oji_cursor;

static inline oji_cursor oji_cursor_at(oji_bytes bytes, uint64_t offset)
{
    oji_cursor cursor = {bytes.data, bytes.data, offset > bytes.size};
    if (!cursor.is_bad && bytes.size > 0) {
        cursor.next = bytes.data + offset;
        cursor.end = bytes.data + bytes.size;
    }
    return cursor;
}

static inline uint64_t oji_cursor_left(const oji_cursor *cursor) { return (uint64_t)(cursor->end - cursor->next); }

/* NULL where fewer than `size` bytes are left. */
static inline const uint8_t *oji_cursor_take(oji_cursor *cursor, uint64_t size)
{
    const uint8_t *taken = cursor->next;
    if (cursor->is_bad || size > oji_cursor_left(cursor)) {
        cursor->is_bad = true;
        cursor->next = cursor->end;
        return NULL;
    }
    cursor->next += size;
    return taken;
}

static inline uint8_t oji_cursor_u8(oji_cursor *cursor)
{
    const uint8_t *p = oji_cursor_take(cursor, 1);
    return p ? *p : 0;
}
static inline uint16_t oji_cursor_u16(oji_cursor *cursor)
{
    const uint8_t *p = oji_cursor_take(cursor, 2);
    return p ? oji_load16_host(p) : 0;
}
static inline uint32_t oji_cursor_u32(oji_cursor *cursor)
{
    const uint8_t *p = oji_cursor_take(cursor, 4);
    return p ? oji_load32_host(p) : 0;
}
static inline uint64_t oji_cursor_u64(oji_cursor *cursor)
{
    const uint8_t *p = oji_cursor_take(cursor, 8);
    return p ? oji_load64_host(p) : 0;
}
/* An unsigned field of 1, 2, 4 or 8 bytes; any other size is bad. */
uint64_t oji_cursor_unsigned(oji_cursor *cursor, uint64_t size);
/* DWARF 5, section 7.6; bits beyond the 64th are dropped. */
uint64_t oji_cursor_uleb(oji_cursor *cursor);
int64_t oji_cursor_sleb(oji_cursor *cursor);
/* "" where it does not end inside. */
const char *oji_cursor_string(oji_cursor *cursor);

#endif
