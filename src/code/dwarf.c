/* Fields of DWARF that have no fixed size. */
#include "code/dwarf.h"

uint64_t oji_cursor_unsigned(oji_cursor *cursor, uint64_t size)
{
    switch (size) {
    case 1:
        return oji_cursor_u8(cursor);
    case 2:
        return oji_cursor_u16(cursor);
    case 4:
        return oji_cursor_u32(cursor);
    case 8:
        return oji_cursor_u64(cursor);
    default:
        cursor->is_bad = true;
        return 0;
    }
}

/* *shift is the number of bits that were read, *last the byte that ended them. */
static uint64_t read_leb(oji_cursor *cursor, unsigned *shift, uint8_t *last)
{
    uint64_t value = 0;
    *shift = 0;
    do {
        *last = oji_cursor_u8(cursor);
        if (*shift < 64)
            value |= (uint64_t)(*last & 0x7f) << *shift;
        /* Padding may make a number of any length, and must not wrap the count. */
        if (*shift < 64)
            *shift += 7;
    } while (*last & 0x80);
    return value;
}

uint64_t oji_cursor_uleb(oji_cursor *cursor)
{
    unsigned shift;
    uint8_t last;
    return read_leb(cursor, &shift, &last);
}

int64_t oji_cursor_sleb(oji_cursor *cursor)
{
    unsigned shift;
    uint8_t last;
    uint64_t value = read_leb(cursor, &shift, &last);
    if (shift < 64 && (last & 0x40))
        value |= ~UINT64_C(0) << shift;
    return (int64_t)value;
}

const char *oji_cursor_string(oji_cursor *cursor)
{
    const uint8_t *start = cursor->next;
    const uint64_t left = cursor->is_bad ? 0 : oji_cursor_left(cursor);
    const uint8_t *end = left > 0 ? memchr(start, 0, (size_t)left) : NULL;
    if (!end) {
        cursor->is_bad = true;
        cursor->next = cursor->end;
        return "";
    }
    cursor->next = end + 1;
    return (const char *)start;
}
