/* Unwind tables (.eh_frame) taken apart, for debuggers and profilers that want them in another form.
 * Source: LSB Core 5.0, chapter 10.6 (.eh_frame, augmentations, pointer encodings); DWARF 5, section 6.4. */
#include "code/dwarf.h"

enum { PE_OMIT = 0xff, PE_FORMAT = 0x0f, PE_RELATION = 0x70, PE_PCREL = 0x10, PE_INDIRECT = 0x80 };

/* What a common information entry says, and nothing of it checked but its bounds. */
typedef struct cie {
    uint64_t code_alignment;
    int64_t data_alignment;
    uint64_t return_register;
    uint8_t encoding; /* of the addresses in its frames */
    bool has_size;    /* frames have augmentation data, which begins with its size */
    bool is_signal;
    oji_bytes initial;
} cie;

/* Bytes of a value in an encoding; 0 for those that are not of a fixed size. */
static uint64_t encoded_size(uint8_t encoding)
{
    static const uint8_t sizes[16] = {8, 0, 2, 4, 8, 0, 0, 0, 0, 0, 2, 4, 8, 0, 0, 0};
    return sizes[encoding & PE_FORMAT];
}

/* A value without what it is relative to; formats from 8 on are signed. */
static uint64_t read_value(oji_cursor *cursor, uint8_t encoding)
{
    uint64_t size = encoded_size(encoding), value = oji_cursor_unsigned(cursor, size);
    if ((encoding & 8) && size == 2)
        return (uint64_t)(int64_t)(int16_t)value;
    if ((encoding & 8) && size == 4)
        return (uint64_t)(int64_t)(int32_t)value;
    return value;
}

/* The letters of an augmentation say which fields its data has, in their order. Letters that are not known make the
 * rest unreadable. */
static bool read_augmentation(oji_cursor *cursor, const char *letters, cie *out)
{
    for (; *letters != '\0'; letters++) {
        uint8_t encoding;
        switch (*letters) {
        case 'R':
            out->encoding = oji_cursor_u8(cursor);
            break;
        case 'P':
            encoding = oji_cursor_u8(cursor);
            (void)oji_cursor_unsigned(cursor, encoded_size(encoding));
            break;
        case 'L':
            (void)oji_cursor_u8(cursor);
            break;
        case 'S':
            out->is_signal = true;
            break;
        case 'B':
            break;
        default:
            return false;
        }
    }
    return !cursor->is_bad;
}

/* The body of the record at `offset`, behind its length, which must lie inside; false where there is none, or it is of
 * the 64-bit form, which no compiler writes. */
static bool find_record(oji_bytes bytes, uint64_t offset, oji_cursor *body)
{
    uint64_t length = oji_load32_host(bytes.data + offset);
    if (length == UINT32_MAX || length < 4 || !oji_bytes_contain(bytes, offset + 4, length))
        return false;
    *body = oji_cursor_at((oji_bytes){bytes.data + offset + 4, length}, 0);
    return true;
}

static bool read_cie(oji_bytes bytes, uint64_t offset, cie *out)
{
    oji_cursor cursor;
    const char *letters;
    uint8_t version;
    memset(out, 0, sizeof *out);
    if (!find_record(bytes, offset, &cursor) || oji_cursor_u32(&cursor) != 0)
        return false;
    version = oji_cursor_u8(&cursor);
    letters = oji_cursor_string(&cursor);
    out->code_alignment = oji_cursor_uleb(&cursor);
    out->data_alignment = oji_cursor_sleb(&cursor);
    out->return_register = version == 1 ? oji_cursor_u8(&cursor) : oji_cursor_uleb(&cursor);
    if (letters[0] == 'z') {
        uint64_t size = oji_cursor_uleb(&cursor);
        const uint8_t *data = oji_cursor_take(&cursor, size);
        oji_cursor augmentation = oji_cursor_at((oji_bytes){data, data ? size : 0}, 0);
        if (!data || !read_augmentation(&augmentation, letters + 1, out))
            return false;
        out->has_size = true;
    } else if (letters[0] != '\0') {
        return false;
    }
    out->initial = (oji_bytes){cursor.next, oji_cursor_left(&cursor)};
    return !cursor.is_bad && (version == 1 || version == 3);
}

/* `pointer` is the field that says how far back the common information lies: at most to the table's start, and not
 * beyond itself, so that four bytes are there. Addresses count from their own place. */
static bool read_fde(const oji_frames *frames, oji_cursor cursor, oji_frame *frame)
{
    const uint64_t pointer_off = (uint64_t)(cursor.next - frames->bytes.data);
    uint32_t pointer = oji_cursor_u32(&cursor);
    uint64_t place_addr = frames->addr + pointer_off + 4;
    cie common;
    if (pointer > pointer_off || !read_cie(frames->bytes, pointer_off - pointer, &common))
        return false;
    if (common.encoding == PE_OMIT || (common.encoding & PE_INDIRECT) ||
        ((common.encoding & PE_RELATION) != 0 && (common.encoding & PE_RELATION) != PE_PCREL))
        return false;
    frame->addr = read_value(&cursor, common.encoding);
    if ((common.encoding & PE_RELATION) == PE_PCREL)
        frame->addr += place_addr;
    frame->size = oji_cursor_unsigned(&cursor, encoded_size(common.encoding));
    if (common.has_size)
        (void)oji_cursor_take(&cursor, oji_cursor_uleb(&cursor));
    frame->code_alignment = common.code_alignment;
    frame->data_alignment = common.data_alignment;
    frame->return_register = common.return_register;
    frame->is_signal = common.is_signal;
    frame->cie_offset = pointer_off - pointer;
    frame->initial = common.initial;
    frame->instructions = (oji_bytes){cursor.next, oji_cursor_left(&cursor)};
    return !cursor.is_bad;
}

bool oji_frames_next(oji_frames *frames, oji_frame *frame)
{
    while (oji_bytes_contain(frames->bytes, frames->offset, 4)) {
        uint32_t length = oji_load32_host(frames->bytes.data + frames->offset);
        oji_cursor body;
        bool is_record = find_record(frames->bytes, frames->offset, &body);
        /* An end mark may stand between the tables of several objects. */
        if (!is_record && length != 0)
            return false;
        frames->offset += (uint64_t)length + 4;
        if (is_record && oji_load32_host(body.next) != 0 && read_fde(frames, body, frame))
            return true;
    }
    return false;
}
