/* Unwind tables and source lines for debuggers and profilers, from sections that are not as they should be: what cannot
 * be read is passed over, what stands behind it is found, and memory may end at any place. */
#include "support/test.h"

#include "code/lines.h"

#include <stdlib.h>
#include <time.h>

/* A CIE of 24 bytes and an FDE of 24, for 6 bytes of code 0x100 behind the FDE's field. */
static const uint8_t table[48] = {20, 0,    0,    0, 0, 0,    0, 0, 1, 'z', 'R', 0,    1,  0x78, 16,
                                  1,  0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0, 20,  0,   0,    0,  28,   0,
                                  0,  0,    0,    1, 0, 0,    6, 0, 0, 0,   0,   0x44, 14, 16};
enum { LETTERS = 9, AUGMENTATION_SIZE = 15, ENCODING = 16, FDE_CIE = 28, FDE_ADDR = 32 };

/* One unit of DWARF 4: a file and two rows, at 0x1000 and 0x1002, and the end at 0x1008. */
static const uint8_t unit[52] = {
    0x30, 0,    0,   0,    4,  0,           /* unit_length, version */
    0x18, 0,    0,   0,                     /* header_length */
    1,    1,    1,   0xfb, 14, 10,          /* min_inst, max_ops, default_is_stmt, line_base, line_range, opcode_base */
    0,    1,    1,   1,    1,  0,  0, 0, 1, /* standard_opcode_lengths */
    0,    'a',  '.', 'c',  0,  0,  0, 0, 0, /* no folders; a.c; the end */
    0,    9,    2,   0,    0,  0,  0, 0, 0, 0, 0, /* set_address */
    0x13, 0x2f, 2,   6,    0,  1,  1};            /* two rows, advance_pc 6, end_sequence */
enum { VERSION = 4, HEADER_LENGTH = 6, LINE_RANGE = 14, OPCODE_BASE = 15, UNIT_ADDR = 37, ROWS = 3 };

typedef struct damage {
    uint32_t offset;
    uint32_t value; /* stored as one byte, or as four where it needs them */
    uint32_t n_left;
} damage;

/* Two of the same, the first one damaged, in a block of the exact size. */
static uint8_t *damaged_twice(const uint8_t *bytes, size_t size, const damage *done)
{
    uint8_t *both = malloc(2 * size);
    memcpy(both, bytes, size);
    memcpy(both + size, bytes, size);
    if (done->value > UINT8_MAX)
        oji_store32_host(both + done->offset, done->value);
    else
        both[done->offset] = (uint8_t)done->value;
    return both;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

static void debug_frames_that_cannot_be_read_passed_over(void **state)
{
    static const damage cases[] = {
        {0, 20, 2},          {0, UINT32_MAX, 0},    {0, 3, 0},           {3, 1, 0},
        {LETTERS, 'x', 1},   {LETTERS + 1, 'Q', 1}, {FDE_CIE, 29, 1},    {AUGMENTATION_SIZE, 9, 1},
        {ENCODING, 0xff, 1}, {ENCODING, 0x9b, 1},   {ENCODING, 0x3b, 1}, {ENCODING, 0x0b, 2},
        {FDE_CIE, 20, 1},    {FDE_CIE, 4, 1},       {4, 1, 1},
    };
    oj_allocator heap;
    (void)state;
    assert_int_equal(oji_allocator_import(&heap, NULL, NULL), OJ_OK);
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        uint8_t *bytes = damaged_twice(table, sizeof table, &cases[i]);
        oji_debug_unwind unwind = {{bytes, 2 * sizeof table}, 0x7000};
        oji_debug_info info = {.unwind = &unwind, .n_unwind = 1, .n_registers = 17};
        oji_unwind_index index;
        oji_arena arena;
        oji_arena_init(&arena, &heap, NULL, 0);
        assert_true(oji_debug_index_unwind(&info, &arena, &index));
        if (index.n != cases[i].n_left)
            fail_msg("byte %u as 0x%x: %u are left", cases[i].offset, cases[i].value, index.n);
        if (index.n > 0) {
            assert_int_equal(index.frames[index.n - 1].fde.addr, 0x7000 + sizeof table + FDE_ADDR + 0x100);
            assert_int_equal(index.frames[index.n - 1].fde.size, 6);
        }
        oji_arena_free(&arena);
        free(bytes);
    }
}

static void debug_cursor_stays_bad(void **state)
{
    oji_cursor cursor = oji_cursor_at((oji_bytes){table, 4}, 5);
    (void)state;
    assert_true(cursor.is_bad);
    assert_null(oji_cursor_take(&cursor, 0));
    cursor = oji_cursor_at((oji_bytes){table, 4}, 0);
    assert_int_equal(oji_cursor_u64(&cursor), 0);
    assert_int_equal(oji_cursor_u8(&cursor), 0);
    assert_true(cursor.is_bad);
    cursor = oji_cursor_at((oji_bytes){table, 4}, 0);
    assert_int_equal(oji_cursor_unsigned(&cursor, 3), 0);
    assert_true(cursor.is_bad);
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

static bool read_lines(uint8_t *bytes, size_t size, oji_arena *arena, oji_line **lines, uint32_t *n)
{
    oji_debug_info info = {.n_ranges = 0};
    info.sections[OJI_DEBUG_LINE] = (oji_debug_data){bytes, size};
    return oji_lines_read(&info, arena, lines, n);
}

static void debug_lines_that_cannot_be_read_passed_over(void **state)
{
    static const damage cases[] = {
        {VERSION, 4, 2 * ROWS}, {VERSION, 1, ROWS},     {VERSION, 6, ROWS}, {HEADER_LENGTH, 0x60, ROWS},
        {LINE_RANGE, 0, ROWS},  {OPCODE_BASE, 0, ROWS}, {0, 0xff, 0},
    };
    oj_allocator heap;
    (void)state;
    assert_int_equal(oji_allocator_import(&heap, NULL, NULL), OJ_OK);
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        uint8_t *bytes = damaged_twice(unit, sizeof unit, &cases[i]);
        oji_line *lines;
        oji_arena arena;
        uint32_t n;
        oji_store64_host(bytes + UNIT_ADDR, 0x1000);
        oji_store64_host(bytes + sizeof unit + UNIT_ADDR, 0x2000);
        oji_arena_init(&arena, &heap, NULL, 0);
        assert_true(read_lines(bytes, 2 * sizeof unit, &arena, &lines, &n));
        if (n != cases[i].n_left)
            fail_msg("byte %u as 0x%x: %u rows are left", cases[i].offset, cases[i].value, n);
        if (n > 0) {
            assert_int_equal(lines[n - ROWS].addr, 0x2000);
            assert_int_equal(lines[n - 2].addr, 0x2002);
            assert_string_equal(lines[n - 2].file, "a.c");
            assert_true(lines[n - 1].is_end && lines[n - 1].addr == 0x2008);
        }
        oji_arena_free(&arena);
        free(bytes);
    }
}

/* Version 5: any number of files, all of the one name that another section has at offset 0. One row. */
static uint8_t *write_named_by_offset(uint32_t n_files, size_t *size)
{
    static const uint8_t header[] = {1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 0x1f}; /* no folder; DW_LNCT_path, line_strp */
    static const uint8_t row[] = {2};
    uint8_t *bytes, *p;
    *size = 12 + sizeof header + 4 + (size_t)n_files * 4 + sizeof row;
    bytes = calloc(1, *size);
    assert_non_null(bytes);
    oji_store32_host(bytes, (uint32_t)(*size - 4));
    oji_store16_host(bytes + 4, 5);
    bytes[6] = 8;
    oji_store32_host(bytes + 8, (uint32_t)(*size - 12 - sizeof row));
    memcpy(bytes + 12, header, sizeof header);
    p = bytes + 12 + sizeof header;
    for (int i = 0; i < 4; i++) /* a number of 4 bytes */
        *p++ = (uint8_t)((n_files >> 7 * i & 0x7f) | (i < 3 ? 0x80 : 0));
    memcpy(bytes + *size - sizeof row, row, sizeof row);
    return bytes;
}

/* As many names as there are entries, each as long as its section: what is read is not their product. */
static void debug_lines_of_long_names_read_once(void **state)
{
    enum { FILES = 100000, NAME = 8 * 1024 * 1024 };
    oji_debug_info info = {.n_ranges = 0};
    size_t size;
    uint8_t *lines = write_named_by_offset(FILES, &size), *name = malloc(NAME);
    clock_t start = clock();
    oj_allocator heap;
    (void)state;
    assert_non_null(name);
    memset(name, 'x', NAME);
    assert_int_equal(oji_allocator_import(&heap, NULL, NULL), OJ_OK);
    info.sections[OJI_DEBUG_LINE] = (oji_debug_data){lines, size};
    for (int i = 0; i < 3; i++) {
        const size_t lengths[] = {0, 0,
                                  NAME - 1}; /* no section, one whose end is no string's, and one that is a string */
        oji_line *found;
        oji_arena arena;
        uint32_t n;
        info.sections[OJI_DEBUG_LINE_STR] = i > 0 ? (oji_debug_data){name, NAME} : (oji_debug_data){NULL, 0};
        name[NAME - 1] = i == 2 ? '\0' : 'x';
        oji_arena_init(&arena, &heap, NULL, 0);
        assert_true(oji_lines_read(&info, &arena, &found, &n));
        assert_int_equal(n, 1);
        assert_int_equal(strlen(found[0].file), lengths[i]);
        oji_arena_free(&arena);
    }
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
    free(name);
    free(lines);
}

static void debug_lines_header_cut_off_passed_over(void **state)
{
    uint8_t cut[7] = {3, 0, 0, 0, 4, 0, 0};
    oji_line *lines;
    oj_allocator heap;
    oji_arena arena;
    uint32_t n = 1;
    (void)state;
    assert_int_equal(oji_allocator_import(&heap, NULL, NULL), OJ_OK);
    oji_arena_init(&arena, &heap, NULL, 0);
    assert_true(read_lines(cut, sizeof cut, &arena, &lines, &n));
    assert_int_equal(n, 0);
    oji_arena_free(&arena);
}

/* --- memory that ends --------------------------------------------------------------------------------------------- */

static void *no_memory(void *context, size_t size)
{
    (void)context;
    (void)size;
    return NULL;
}

static void nothing_to_release(void *context, void *pointer, size_t size)
{
    (void)context;
    (void)pointer;
    (void)size;
    fail();
}

static bool make_lines(oji_arena *arena)
{
    uint8_t bytes[sizeof unit];
    oji_line *lines;
    uint32_t n;
    memcpy(bytes, unit, sizeof unit);
    return read_lines(bytes, sizeof bytes, arena, &lines, &n) && n == ROWS;
}

static bool make_frames(oji_arena *arena)
{
    oji_debug_unwind unwind = {{table, sizeof table}, 0x7000};
    oji_debug_range range = {.addr = 0x7000, .size = 0x1000, .kind = OJ_SEGMENT_CODE};
    oji_debug_info info = {.unwind = &unwind, .n_unwind = 1, .ranges = &range, .n_ranges = 1, .n_registers = 17};
    oji_unwind_index index;
    oji_debug_data made;
    uint64_t header_size;
    return oji_debug_index_unwind(&info, arena, &index) &&
           oji_debug_make_eh_frame(&index, 0x7000 + FDE_ADDR + 0x100, 6, 0x7200, arena, &made, &header_size) &&
           header_size == 20 && oji_debug_add_frames(&info, arena) && info.sections[OJI_DEBUG_FRAME].size > 0;
}

/* Each function in a range of its own, as sections that are placed singly are; the first ones have no frames. */
static void debug_frames_of_many_ranges(void **state)
{
    enum { N = 100000, CIE = 24, FDE = sizeof table - CIE };
    uint8_t *bytes = malloc(CIE + (size_t)N * FDE);
    oji_debug_range *ranges = calloc(2 * N, sizeof *ranges);
    oji_debug_unwind unwind = {{bytes, CIE + (uint64_t)N * FDE}, 0x1000000};
    oji_debug_info info = {.unwind = &unwind, .n_unwind = 1, .ranges = ranges, .n_ranges = 2 * N, .n_registers = 17};
    clock_t start = clock();
    oj_allocator heap;
    oji_arena arena;
    (void)state;
    assert_true(bytes && ranges);
    assert_int_equal(oji_allocator_import(&heap, NULL, NULL), OJ_OK);
    oji_arena_init(&arena, &heap, NULL, 0);
    memcpy(bytes, table, CIE);
    for (uint32_t i = 0; i < N; i++) {
        uint8_t *fde = bytes + CIE + (size_t)i * FDE;
        memcpy(fde, table + CIE, FDE);
        oji_store32_host(fde + 4, CIE + i * FDE + 4);
        ranges[i] = (oji_debug_range){.addr = i * FDE, .size = 6, .kind = OJ_SEGMENT_CODE};
        ranges[2 * N - 1 - i] = (oji_debug_range){
            .addr = unwind.addr + FDE_ADDR + i * FDE + 0x100, .size = i % 2 ? 6 : 1, .kind = OJ_SEGMENT_CODE};
    }
    ranges[N].addr += 1; /* the last function begins before it */
    assert_true(oji_debug_add_frames(&info, &arena));
    assert_int_equal(info.n_fixes, N - 1);
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
    oji_arena_free(&arena);
    free(ranges);
    free(bytes);
}

/* The arena has a buffer and no heap behind it: with each 16 bytes more one more array fits. */
static void end_everywhere(bool (*make)(oji_arena *arena))
{
    static const oj_allocator nothing = {
        .struct_size = sizeof nothing, .allocate = no_memory, .release = nothing_to_release};
    _Alignas(16) static uint8_t buffer[4096];
    size_t size = 0;
    bool is_made = false;
    for (; size < sizeof buffer && !is_made; size += 16) {
        oji_arena arena;
        oji_arena_init(&arena, &nothing, buffer, size);
        is_made = make(&arena);
        oji_arena_free(&arena);
    }
    assert_true(is_made && size > 64);
}

static void debug_tables_memory_ends_anywhere(void **state)
{
    (void)state;
    end_everywhere(make_lines);
    end_everywhere(make_frames);
}

OJT_MAIN(cmocka_unit_test(debug_frames_that_cannot_be_read_passed_over), cmocka_unit_test(debug_cursor_stays_bad),
         cmocka_unit_test(debug_lines_that_cannot_be_read_passed_over),
         cmocka_unit_test(debug_lines_of_long_names_read_once), cmocka_unit_test(debug_frames_of_many_ranges),
         cmocka_unit_test(debug_lines_header_cut_off_passed_over), cmocka_unit_test(debug_tables_memory_ends_anywhere))
