/* Source lines and unwind tables of a code, in order of addresses: what a profiler is told of each function. */
#ifndef OJI_LINES_H
#define OJI_LINES_H

#include "code/debug.h"
#include "code/dwarf.h"
#include "code/eh_frame.h"

typedef struct oji_line {
    uint64_t addr;
    const char *folder; /* "" for none, or where the name is absolute */
    const char *file;
    uint32_t line;
    uint32_t is_end; /* no code of the sequence lies here or behind */
} oji_line;

/* Read all units that can be read, in ascending order of addresses. False where memory ends. */
bool oji_lines_read(const oji_debug_info *info, oji_arena *arena, oji_line **lines, uint32_t *n_lines);

/* The order of something else that has addresses. */
typedef struct oji_key {
    uint64_t addr;
    uint32_t index;
    uint32_t reserved;
} oji_key;

/* Sort keys in ascending order of addresses, equal ones as they were; `scratch` has room for as many. */
void oji_lines_sort(oji_key *keys, oji_key *scratch, uint32_t n);
/* The first of the sorted keys that is not below `addr`; n where there is none. */
uint32_t oji_lines_find(const oji_key *keys, uint32_t n, uint64_t addr);

/* How one range of code is unwound. */
typedef struct oji_frame {
    oji_eh_cie cie;
    oji_eh_fde fde;
} oji_frame;

/* All frame descriptions of a code. */
typedef struct oji_unwind_index {
    oji_frame *frames;
    oji_key *keys; /* of the frames, sorted */
    uint32_t n;
} oji_unwind_index;

/* frames_write.c: both are false where memory ends. The table for the functions that begin in the `size` bytes at
 * `addr` is one that stands at `table_addr`; its last *header_size bytes are its index. Empty where nothing is
 * known. */
bool oji_debug_index_unwind(const oji_debug_info *info, oji_arena *arena, oji_unwind_index *index);
bool oji_debug_make_eh_frame(const oji_unwind_index *index, uint64_t addr, uint64_t size, uint64_t table_addr,
                             oji_arena *arena, oji_debug_data *out, uint64_t *header_size);

#endif
