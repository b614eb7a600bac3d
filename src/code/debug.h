/* What debuggers and profilers are told of a code. The linker gathers it, in terms of neither plan nor object; gdb.c,
 * perf_map.c and jitdump.c pass it on. */
#ifndef OJI_DEBUG_H
#define OJI_DEBUG_H

#include "base/base.h"
#include "code/code.h"

/* Sections of debug information that are passed on. ORDER OJI_DEBUG */
typedef enum oji_debug_section {
    OJI_DEBUG_ABBREV,
    OJI_DEBUG_ADDR,
    OJI_DEBUG_ARANGES,
    OJI_DEBUG_FRAME,
    OJI_DEBUG_INFO,
    OJI_DEBUG_LINE,
    OJI_DEBUG_LINE_STR,
    OJI_DEBUG_LOC,
    OJI_DEBUG_LOCLISTS,
    OJI_DEBUG_MACINFO,
    OJI_DEBUG_MACRO,
    OJI_DEBUG_RANGES,
    OJI_DEBUG_RNGLISTS,
    OJI_DEBUG_STR,
    OJI_DEBUG_STR_OFFSETS,
    OJI_DEBUG_TYPES,
    OJI_DEBUG_SECTIONS
} oji_debug_section;

extern const char *const oji_debug_names[OJI_DEBUG_SECTIONS];

typedef struct oji_debug_data {
    uint8_t *bytes;
    uint64_t size; /* bytes, below 4 GiB */
} oji_debug_data;

/* A field that counts from the start of a debug section: it grows when that section is put behind another code's. */
typedef struct oji_debug_fix {
    uint32_t offset; /* bytes into `section`; the whole field lies inside it */
    uint8_t section; /* oji_debug_section */
    uint8_t target;  /* oji_debug_section that it counts from */
    uint8_t width;   /* bytes: 4 or 8 */
    uint8_t reserved;
} oji_debug_fix;

/* A segment of the code. */
typedef struct oji_debug_range {
    uint64_t addr;
    uint64_t size;
    uint32_t kind;  /* oj_segment_kind */
    uint32_t spare; /* bytes at its end that are nobody's: addresses for tables that a profiler looks for there */
} oji_debug_range;

typedef struct oji_debug_symbol {
    uint64_t addr;
    uint64_t size;     /* bytes, 0 where not known */
    uint32_t name_off; /* bytes into the names */
    uint32_t range;    /* index */
    uint8_t is_function;
    uint8_t is_global;
    uint8_t reserved[6];
} oji_debug_symbol;

/* Unwind tables of one section. */
typedef struct oji_debug_unwind {
    oji_bytes bytes;
    uint64_t addr; /* that its fields were relocated for; none of the section's own needs to be there */
} oji_debug_unwind;

typedef struct oji_debug_info {
    oji_debug_data sections[OJI_DEBUG_SECTIONS];
    oji_debug_fix *fixes;
    oji_debug_range *ranges;
    oji_debug_symbol *symbols; /* of code and data, in no order */
    oji_debug_unwind *unwind;
    char *names;
    uint64_t names_size;    /* bytes, zeros included */
    uint32_t machine;       /* ELF's number of the architecture */
    uint32_t machine_flags; /* what ELF files for it have in e_flags */
    bool is_32;             /* addresses have 32 bits, and so have ELF files */
    uint8_t n_registers;    /* DWARF register numbers that unwinders can read are below this */
    uint32_t n_fixes;
    uint32_t n_ranges;
    uint32_t n_symbols;
    uint32_t n_unwind;
} oji_debug_info;

/* frames_write.c: unwind tables in the form of .debug_frame, whose addresses are absolute and so can be moved. Appends
 * to the section and to the fixes, in the arena; false where memory ends. */
bool oji_debug_add_frames(oji_debug_info *info, oji_arena *arena);

/* Can profilers be told of it by where it is? Symbols are as objects have them: one may claim more bytes than its
 * segment has. */
static inline bool oji_debug_is_told(const oji_debug_info *info, const oji_debug_symbol *symbol)
{
    const oji_debug_range *range = &info->ranges[symbol->range];
    uint64_t offset = symbol->addr - range->addr, end = range->size - range->spare;
    return symbol->is_function && symbol->size > 0 && range->kind == OJ_SEGMENT_CODE && offset <= end &&
           symbol->size <= end - offset;
}

/* gdb_file.c: one symbol file for several codes, in *size bytes of the allocator; NULL where memory ends. */
uint8_t *oji_gdb_make_file(const oji_debug_info *const *infos, size_t n_infos, const oj_allocator *allocator,
                           uint64_t *size);

/* gdb.c: tell debuggers that look at the process. Info and allocator are copied; the latter is used until the record is
 * undone, which is what ends it. */
oj_status oji_gdb_register(const oji_debug_info *info, const oj_allocator *allocator, oj_record *record,
                           oj_error *error);
extern const oji_registry oji_gdb_registry;

/* What alignment, and the ends of the table and of its index, may take of a range's spare bytes. */
enum { OJI_DEBUG_SPARE_LEAST = 64 };

/* perf_map.c, jitdump.c: tell perf. Cannot be undone: perf keeps what it was told by the time that it was told. */
oj_status oji_perf_map_add(const oji_debug_info *info, oj_error *error);
oj_status oji_jitdump_add(const oji_debug_info *info, oji_arena *arena, oj_error *error);

#endif
