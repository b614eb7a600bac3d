/* Debug information as it stands in objects: source lines, and unwind tables in their three forms. The first byte says
 * which, the rest is the section; names are looked up in the same bytes. */
#include "code/debug.h"
#include "code/lines.h"

#include <stdlib.h>

static void read_lines(oji_debug_info *info, oji_arena *arena)
{
    oji_line *lines = NULL;
    uint32_t n = 0;
    if (!oji_lines_read(info, arena, &lines, &n))
        return;
    for (uint32_t i = 0; i < n; i++)
        if ((i > 0 && lines[i].addr < lines[i - 1].addr) || strlen(lines[i].file) + strlen(lines[i].folder) > 1u << 24)
            abort();
}

static void write_frames(oji_debug_info *info, const oj_allocator *allocator, oji_arena *arena)
{
    oji_unwind_index index;
    oj_record record = {0};
    for (uint64_t addr = 0; oji_debug_index_unwind(info, arena, &index) && addr < 0x2000; addr += 0x400) {
        oji_debug_data out;
        uint64_t header_size;
        if (oji_debug_make_eh_frame(&index, addr, 0x400, addr + 0x400, arena, &out, &header_size) &&
            header_size > out.size)
            abort();
    }
    if (!oji_debug_add_frames(info, arena) || oji_gdb_register(info, allocator, &record, NULL) != OJ_OK)
        return;
    if (!oji_gdb_registry.is_known(&record))
        abort();
    oji_gdb_registry.undo(&record);
    if (oji_gdb_registry.is_known(&record))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    oji_debug_range range = {.addr = 0, .size = 0x10000, .kind = OJ_SEGMENT_CODE};
    oji_debug_info info = {.ranges = &range, .n_ranges = 1, .machine = 62, .n_registers = 17};
    oji_debug_unwind unwind;
    oj_allocator allocator;
    oji_arena arena;
    uint8_t *copy;
    if (size < 1 || oji_allocator_import(&allocator, NULL, NULL) != OJ_OK)
        return 0;
    copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    oji_arena_init(&arena, &allocator, NULL, 0);
    unwind = (oji_debug_unwind){{copy, size - 1}, 0x1000};
    if (data[0] & 1) {
        info.sections[OJI_DEBUG_LINE] = info.sections[OJI_DEBUG_STR] = info.sections[OJI_DEBUG_LINE_STR] =
            (oji_debug_data){copy, size - 1};
        read_lines(&info, &arena);
    } else {
        info.unwind = &unwind;
        info.n_unwind = 1;
        info.is_32 = (data[0] & 2) != 0;
        write_frames(&info, &allocator, &arena);
    }
    oji_arena_free(&arena);
    free(copy);
    return 0;
}
