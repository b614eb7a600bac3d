/* .debug_line of versions 2 to 5 into a list of addresses and lines. A unit that is not understood ends there, and the
 * next one is tried: what is wrong in debug information costs no more than lines.
 * Source: DWARF 4 and 5, section 6.2. */
#include "code/lines.h"
#include "code/dwarf.h"

enum { FORM_DATA2 = 5, FORM_DATA4, FORM_DATA8, FORM_STRING, FORM_BLOCK, FORM_DATA1 = 0xb };
enum { FORM_STRP = 0xe, FORM_UDATA, FORM_DATA16 = 0x1e, FORM_LINE_STRP };
enum { LNCT_PATH = 1, LNCT_DIRECTORY = 2 };
enum { MAX_FORMATS = 16 };

typedef struct file_entry {
    const char *name;
    uint64_t folder; /* index */
} file_entry;

/* Strings of the sections that units refer to. Bytes behind the last one's zero are left out: an offset below the size
 * is a string, with no need to look for its end, which entries of many units would do over and over. */
typedef struct texts {
    oji_bytes str;
    oji_bytes line_str;
} texts;

/* One unit being read. */
typedef struct unit {
    const texts *texts;
    oji_arena *arena;
    oji_cursor cursor;
    bool is_64_bit;
    uint16_t version;
    uint8_t min_instruction;
    int8_t line_base;
    uint8_t line_range;
    uint8_t opcode_base;
    const uint8_t *operand_counts; /* of opcodes 1 to opcode_base - 1 */
    file_entry *folders;
    file_entry *files;
    uint32_t n_folders;
    uint32_t n_files;
    bool is_out_of_memory;
} unit;

/* Rows are counted while there is no room for them, and then written. */
typedef struct rows {
    oji_line *lines;
    uint64_t n;
} rows;

/* --- headers ------------------------------------------------------------------------------------------------------ */

static uint64_t read_offset(unit *u) { return oji_cursor_unsigned(&u->cursor, u->is_64_bit ? 8 : 4); }

static oji_bytes texts_of(const oji_debug_data *data)
{
    const uint8_t *last = data->size > 0 ? memrchr(data->bytes, 0, (size_t)data->size) : NULL;
    return (oji_bytes){data->bytes, last ? (uint64_t)(last - data->bytes) + 1 : 0};
}

static const char *string_at(oji_bytes text, uint64_t offset)
{
    return offset < text.size ? (const char *)text.data + offset : "";
}

/* One field of an entry; a form that is not known makes the unit unreadable. */
static void read_field(unit *u, uint64_t content, uint64_t form, file_entry *entry)
{
    static const uint8_t sizes[] = {
        [FORM_DATA1] = 1, [FORM_DATA2] = 2, [FORM_DATA4] = 4, [FORM_DATA8] = 8, [FORM_DATA16] = 16};
    const char *text = NULL;
    uint64_t number = 0;
    if (form == FORM_STRING)
        text = oji_cursor_string(&u->cursor);
    else if (form == FORM_LINE_STRP)
        text = string_at(u->texts->line_str, read_offset(u));
    else if (form == FORM_STRP)
        text = string_at(u->texts->str, read_offset(u));
    else if (form == FORM_UDATA)
        number = oji_cursor_uleb(&u->cursor);
    else if (form == FORM_DATA1 || form == FORM_DATA2 || form == FORM_DATA4 || form == FORM_DATA8)
        number = oji_cursor_unsigned(&u->cursor, sizes[form]);
    else if (form == FORM_DATA16)
        (void)oji_cursor_take(&u->cursor, sizes[form]);
    else if (form == FORM_BLOCK)
        (void)oji_cursor_take(&u->cursor, oji_cursor_uleb(&u->cursor));
    else
        u->cursor.is_bad = true;
    if (content == LNCT_PATH && text)
        entry->name = text;
    else if (content == LNCT_DIRECTORY)
        entry->folder = number;
}

/* Version 5: a list whose entries say themselves which fields they have. Every entry takes at least a byte, which
 * bounds a count that lies. */
static void read_entries(unit *u, file_entry **entries, uint32_t *n_entries)
{
    uint64_t contents[MAX_FORMATS], forms[MAX_FORMATS], n;
    uint8_t n_formats = oji_cursor_u8(&u->cursor);
    if (n_formats > MAX_FORMATS)
        u->cursor.is_bad = true;
    for (uint8_t i = 0; i < n_formats && !u->cursor.is_bad; i++) {
        contents[i] = oji_cursor_uleb(&u->cursor);
        forms[i] = oji_cursor_uleb(&u->cursor);
    }
    n = oji_cursor_uleb(&u->cursor);
    if (n > 0 && (n_formats == 0 || n > oji_cursor_left(&u->cursor)))
        u->cursor.is_bad = true;
    if (u->cursor.is_bad)
        return;
    *entries = oji_arena_array(u->arena, n, sizeof **entries);
    u->is_out_of_memory = !*entries;
    for (uint64_t i = 0; *entries && i < n; i++) {
        (*entries)[i].name = "";
        for (uint8_t f = 0; f < n_formats; f++)
            read_field(u, contents[f], forms[f], &(*entries)[i]);
    }
    *n_entries = (uint32_t)n;
}

/* Before version 5: strings up to an empty one; files have three numbers behind theirs. Counted first. Indexes start
 * at 1: folder 0 is the compilation's, which only .debug_info names. */
static void read_strings(unit *u, bool are_files, file_entry **entries, uint32_t *n_entries)
{
    uint32_t n = 1;
    const oji_cursor start = u->cursor;
    for (int pass = 0; pass < 2 && !u->cursor.is_bad; pass++) {
        u->cursor = start;
        if (pass == 1) {
            *entries = oji_arena_array(u->arena, n, sizeof **entries);
            u->is_out_of_memory = !*entries;
            if (!*entries)
                return;
            (*entries)[0].name = "";
            *n_entries = n;
        }
        n = 1;
        for (;;) {
            const char *name = oji_cursor_string(&u->cursor);
            uint64_t folder = 0;
            if (u->cursor.is_bad || name[0] == '\0')
                break;
            if (are_files) {
                folder = oji_cursor_uleb(&u->cursor);
                (void)oji_cursor_uleb(&u->cursor);
                (void)oji_cursor_uleb(&u->cursor);
            }
            if (pass == 1)
                (*entries)[n] = (file_entry){name, folder};
            n++;
        }
    }
}

/* Fills the unit; leaves its cursor on the program. False where it cannot be read. */
static bool read_header(unit *u)
{
    uint64_t length;
    const uint8_t *program;
    u->version = oji_cursor_u16(&u->cursor);
    if (u->version < 2 || u->version > 5)
        return false;
    if (u->version == 5)
        (void)oji_cursor_take(&u->cursor, 2); /* sizes of an address and of a segment selector */
    length = read_offset(u);
    if (u->cursor.is_bad || length > oji_cursor_left(&u->cursor))
        return false;
    program = u->cursor.next + length;
    u->min_instruction = oji_cursor_u8(&u->cursor);
    if (u->version >= 4)
        (void)oji_cursor_u8(&u->cursor); /* operations of an instruction: 1 where there are no long words */
    (void)oji_cursor_u8(&u->cursor);     /* whether rows are statements at first */
    u->line_base = (int8_t)oji_cursor_u8(&u->cursor);
    u->line_range = oji_cursor_u8(&u->cursor);
    u->opcode_base = oji_cursor_u8(&u->cursor);
    if (u->line_range == 0 || u->opcode_base == 0)
        return false;
    u->operand_counts = oji_cursor_take(&u->cursor, (uint64_t)u->opcode_base - 1);
    if (u->version == 5) {
        read_entries(u, &u->folders, &u->n_folders);
        read_entries(u, &u->files, &u->n_files);
    } else {
        read_strings(u, false, &u->folders, &u->n_folders);
        read_strings(u, true, &u->files, &u->n_files);
    }
    u->cursor.next = program;
    return !u->cursor.is_bad && !u->is_out_of_memory;
}

/* --- programs ----------------------------------------------------------------------------------------------------- */

typedef struct state {
    uint64_t addr;
    uint64_t file;
    uint64_t line;
} state;

static const state first_state = {0, 1, 1};

static void add_row(rows *r, const unit *u, const state *s, bool is_end)
{
    if (r->lines) {
        const file_entry *file = s->file < u->n_files ? &u->files[s->file] : NULL;
        bool has_folder = file && file->name[0] != '/' && file->folder < u->n_folders;
        r->lines[r->n] = (oji_line){.addr = s->addr,
                                    .folder = has_folder ? u->folders[file->folder].name : "",
                                    .file = file ? file->name : "",
                                    .line = s->line < INT32_MAX ? (uint32_t)s->line : 0,
                                    .is_end = is_end};
    }
    r->n++;
}

static void run_extended(unit *u, state *s, rows *r)
{
    uint64_t size = oji_cursor_uleb(&u->cursor);
    const uint8_t *body = oji_cursor_take(&u->cursor, size);
    oji_cursor operand = oji_cursor_at((oji_bytes){body, body ? size : 0}, 0);
    switch (oji_cursor_u8(&operand)) {
    case 1: /* DW_LNE_end_sequence */
        add_row(r, u, s, true);
        *s = first_state;
        break;
    case 2:                                                /* DW_LNE_set_address */
        s->addr = oji_cursor_unsigned(&operand, size - 1); /* size is 1 or more: the opcode was there */
        break;
    default:
        break;
    }
}

static void advance_by_opcode(const unit *u, state *s, unsigned opcode)
{
    s->addr += (uint64_t)((opcode - u->opcode_base) / u->line_range) * u->min_instruction;
}

/* What changes neither address, file nor line is passed over by its number of operands, as the header tells it. */
static void run_standard(unit *u, state *s, rows *r, unsigned opcode)
{
    switch (opcode) {
    case 1: /* DW_LNS_copy */
        add_row(r, u, s, false);
        break;
    case 2: /* DW_LNS_advance_pc */
        s->addr += oji_cursor_uleb(&u->cursor) * u->min_instruction;
        break;
    case 3: /* DW_LNS_advance_line */
        s->line += (uint64_t)oji_cursor_sleb(&u->cursor);
        break;
    case 4: /* DW_LNS_set_file */
        s->file = oji_cursor_uleb(&u->cursor);
        break;
    case 8: /* DW_LNS_const_add_pc */
        advance_by_opcode(u, s, 255);
        break;
    case 9: /* DW_LNS_fixed_advance_pc */
        s->addr += oji_cursor_u16(&u->cursor);
        break;
    default:
        for (uint8_t i = 0; i < u->operand_counts[opcode - 1]; i++)
            (void)oji_cursor_uleb(&u->cursor);
    }
}

static void run_program(unit *u, rows *r)
{
    state s = first_state;
    while (!u->cursor.is_bad && oji_cursor_left(&u->cursor) > 0) {
        unsigned opcode = oji_cursor_u8(&u->cursor);
        if (opcode == 0) {
            run_extended(u, &s, r);
        } else if (opcode < u->opcode_base) {
            run_standard(u, &s, r, opcode);
        } else {
            advance_by_opcode(u, &s, opcode);
            s.line += (uint64_t)(int64_t)(u->line_base + (int)((opcode - u->opcode_base) % u->line_range));
            add_row(r, u, &s, false);
        }
    }
}

/* Each unit says where the next one starts. False where memory ends. */
static bool read_units(const oji_debug_info *info, oji_arena *arena, rows *r)
{
    const oji_debug_data *data = &info->sections[OJI_DEBUG_LINE];
    const texts strings = {texts_of(&info->sections[OJI_DEBUG_STR]), texts_of(&info->sections[OJI_DEBUG_LINE_STR])};
    oji_cursor cursor = oji_cursor_at((oji_bytes){data->bytes, data->size}, 0);
    while (!cursor.is_bad && oji_cursor_left(&cursor) > 4) {
        unit u = {.texts = &strings, .arena = arena};
        uint64_t size = oji_cursor_u32(&cursor);
        const uint8_t *body;
        u.is_64_bit = size == UINT32_MAX;
        if (u.is_64_bit)
            size = oji_cursor_u64(&cursor);
        body = oji_cursor_take(&cursor, size);
        u.cursor = oji_cursor_at((oji_bytes){body, body ? size : 0}, 0);
        if (read_header(&u))
            run_program(&u, r);
        if (u.is_out_of_memory)
            return false;
    }
    return true;
}

/* --- order -------------------------------------------------------------------------------------------------------- */

static void merge(const oji_key *from, oji_key *to, uint32_t start, uint32_t middle, uint32_t end)
{
    uint32_t a = start, b = middle;
    for (uint32_t i = start; i < end; i++)
        to[i] = a < middle && (b >= end || from[a].addr <= from[b].addr) ? from[a++] : from[b++];
}

void oji_lines_sort(oji_key *keys, oji_key *scratch, uint32_t n)
{
    oji_key *from = keys, *to = scratch;
    for (uint64_t width = 1; width < n; width *= 2) {
        oji_key *swap = from;
        for (uint64_t start = 0; start < n; start += 2 * width) {
            uint64_t middle = start + width < n ? start + width : n, end = middle + width < n ? middle + width : n;
            merge(from, to, (uint32_t)start, (uint32_t)middle, (uint32_t)end);
        }
        from = to;
        to = swap;
    }
    if (from != keys && n > 0)
        memcpy(keys, from, n * sizeof *keys);
}

uint32_t oji_lines_find(const oji_key *keys, uint32_t n, uint64_t addr)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (keys[middle].addr < addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool sort_lines(oji_arena *arena, oji_line **lines, uint32_t n)
{
    oji_key *keys = oji_arena_array(arena, (uint64_t)n * 2, sizeof *keys);
    oji_line *sorted = oji_arena_array(arena, n, sizeof *sorted);
    if (!keys || !sorted)
        return false;
    for (uint32_t i = 0; i < n; i++)
        keys[i] = (oji_key){.addr = (*lines)[i].addr, .index = i};
    oji_lines_sort(keys, keys + n, n);
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = (*lines)[keys[i].index];
    *lines = sorted;
    return true;
}

bool oji_lines_read(const oji_debug_info *info, oji_arena *arena, oji_line **lines, uint32_t *n_lines)
{
    rows counted = {NULL, 0}, written;
    *n_lines = 0;
    if (!read_units(info, arena, &counted))
        return false;
    written = (rows){oji_arena_array(arena, counted.n, sizeof **lines), 0};
    if (!written.lines || counted.n > UINT32_MAX || !read_units(info, arena, &written))
        return false;
    *lines = written.lines;
    *n_lines = (uint32_t)written.n;
    return sort_lines(arena, lines, *n_lines);
}
