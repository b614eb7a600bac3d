/* Symbol files for debuggers: an ELF executable in memory that holds no code, but says which addresses the code is at
 * and brings its symbols and debug information. Everything in it is final, so that a debugger relocates nothing.
 *
 * Layout: header; debug sections, each code's part behind the one before; symbols; their names; names of sections;
 * section headers. The first section headers are for the codes' segments: they have addresses and no bytes.
 * All codes of a process are of one architecture, and so of one class.
 * Source: ELF gABI chapters 4 and 5. */
#include "code/debug.h"
#include "code/lines.h"

enum { SHT_PROGBITS = 1, SHT_SYMTAB = 2, SHT_STRTAB = 3, SHT_NOBITS = 8 };
enum { SHF_WRITE = 1, SHF_ALLOC = 2, SHF_EXECINSTR = 4 };
enum { STB_LOCAL = 0, STB_GLOBAL = 1, STT_OBJECT = 1, STT_FUNC = 2 };
enum { SHN_LORESERVE = 0xff00, SHN_ABS = 0xfff1, SHN_XINDEX = 0xffff };

/* What the two classes of ELF files differ in, bytes. */
typedef struct file_class {
    uint8_t class; /* EI_CLASS */
    uint8_t header;
    uint8_t section;
    uint8_t symbol;
    uint8_t word;
} file_class;

static const file_class classes[] = {{1, 52, 40, 16, 4}, {2, 64, 64, 24, 8}};

/* ORDER OJI_DEBUG */
const char *const oji_debug_names[OJI_DEBUG_SECTIONS] = {
    ".debug_abbrev",   ".debug_addr", ".debug_aranges",     ".debug_frame",   ".debug_info",  ".debug_line",
    ".debug_line_str", ".debug_loc",  ".debug_loclists",    ".debug_macinfo", ".debug_macro", ".debug_ranges",
    ".debug_rnglists", ".debug_str",  ".debug_str_offsets", ".debug_types"};

/* ORDER oj_segment_kind, which starts at 1. */
static const char *const segment_names[] = {".text", ".rodata", ".data"};

/* Segments of one kind that lie side by side, of whichever codes: a debugger sorts the sections of all files each time
 * that it is told of one, so that there had better be few. */
typedef struct stretch {
    uint64_t addr;
    uint64_t size;
    uint32_t kind;
} stretch;

typedef struct writer {
    const oji_debug_info *const *infos;
    size_t n_infos;
    const file_class *sizes;
    uint8_t *file;
    uint64_t debug_offs[OJI_DEBUG_SECTIONS]; /* bytes into the file */
    uint64_t debug_sizes[OJI_DEBUG_SECTIONS];
    uint64_t symbols_off;
    uint64_t n_symbols; /* the null symbol included */
    uint64_t n_local;   /* the null symbol included */
    uint64_t names_off;
    uint64_t names_size;
    uint64_t section_names_off;
    uint64_t section_names_size;
    uint64_t headers_off;
    uint64_t n_ranges;
    stretch *stretches;             /* n_ranges at most */
    const oji_debug_range **ranges; /* of all codes */
    uint32_t *stretch_of;           /* for each range, counted through all codes */
    oji_key *keys;                  /* twice n_ranges, to sort with */
    uint32_t n_stretches;
    uint64_t n_sections;
    uint64_t size;
    uint64_t next;        /* where put() writes */
    uint64_t next_header; /* offset of the header to write next */
    uint32_t next_name;   /* offset of the next section's name */
} writer;

static uint64_t align8(uint64_t value) { return (value + 7) & ~UINT64_C(7); }

/* Each sum is of sizes of what is in memory already, so that none wraps. */
static void count(writer *w)
{
    w->n_symbols = w->n_local = w->names_size = 1;
    for (size_t i = 0; i < w->n_infos; i++) {
        const oji_debug_info *info = w->infos[i];
        for (int k = 0; k < OJI_DEBUG_SECTIONS; k++)
            w->debug_sizes[k] += info->sections[k].size;
        for (uint32_t s = 0; s < info->n_symbols; s++)
            w->n_local += !info->symbols[s].is_global;
        w->n_symbols += info->n_symbols;
        w->names_size += info->names_size;
        w->n_ranges += info->n_ranges;
    }
}

/* More than what aligning a code leaves: no other code fits between. */
enum { LARGEST_GAP = 16 };

static void add_to_stretch(writer *w, const oji_debug_range *range, uint64_t index)
{
    stretch *last = w->n_stretches > 0 ? &w->stretches[w->n_stretches - 1] : NULL;
    if (last && last->kind == range->kind && range->addr - (last->addr + last->size) < LARGEST_GAP) {
        last->size = range->addr + range->size - last->addr;
    } else {
        w->stretches[w->n_stretches++] = (stretch){range->addr, range->size, range->kind};
    }
    w->stretch_of[index] = w->n_stretches - 1;
}

/* False where memory ends. */
static bool find_stretches(writer *w, oji_arena *arena)
{
    uint32_t n = (uint32_t)w->n_ranges, next = 0;
    w->stretches = oji_arena_array(arena, w->n_ranges, sizeof *w->stretches);
    w->stretch_of = oji_arena_array(arena, w->n_ranges, sizeof *w->stretch_of);
    w->ranges = oji_arena_array(arena, w->n_ranges, sizeof *w->ranges);
    w->keys = oji_arena_array(arena, 2 * w->n_ranges, sizeof *w->keys);
    if (!w->stretches || !w->stretch_of || !w->ranges || !w->keys)
        return false;
    for (size_t i = 0; i < w->n_infos; i++)
        for (uint32_t r = 0; r < w->infos[i]->n_ranges; r++, next++) {
            w->ranges[next] = &w->infos[i]->ranges[r];
            w->keys[next] = (oji_key){.addr = w->infos[i]->ranges[r].addr, .index = next};
        }
    oji_lines_sort(w->keys, w->keys + n, n);
    for (uint32_t i = 0; i < n; i++)
        add_to_stretch(w, w->ranges[w->keys[i].index], w->keys[i].index);
    return true;
}

/* The null section, segments, debug sections, and three tables. Where a table of names would be: strlen + 1 each. */
static void lay_out(writer *w)
{
    uint64_t end = w->sizes->header;
    w->n_sections = 1 + w->n_stretches + 3;
    w->section_names_size = 1 + sizeof ".symtab" + sizeof ".strtab" + sizeof ".shstrtab";
    for (size_t i = 0; i < OJI_COUNT(segment_names); i++)
        w->section_names_size += strlen(segment_names[i]) + 1;
    for (int k = 0; k < OJI_DEBUG_SECTIONS; k++) {
        w->debug_offs[k] = end;
        end = align8(end + w->debug_sizes[k]);
        w->n_sections += w->debug_sizes[k] > 0;
        w->section_names_size += strlen(oji_debug_names[k]) + 1;
    }
    w->symbols_off = end;
    w->names_off = end + w->n_symbols * w->sizes->symbol;
    w->section_names_off = w->names_off + w->names_size;
    w->headers_off = align8(w->section_names_off + w->section_names_size);
    w->size = w->headers_off + w->n_sections * w->sizes->section;
}

/* A word has the size of an address; fields follow one another in both classes. */
static void put(writer *w, uint64_t value, uint64_t size)
{
    uint8_t *p = w->file + w->next;
    if (size == 2)
        oji_store16_host(p, (uint16_t)value);
    else if (size == 4)
        oji_store32_host(p, (uint32_t)value);
    else
        oji_store64_host(p, value);
    w->next += size;
}

static void put_word(writer *w, uint64_t value) { put(w, value, w->sizes->word); }

/* The fields of a section header. */
typedef struct section {
    uint32_t name;
    uint32_t type;
    uint64_t flags;
    uint64_t addr;
    uint64_t offset;
    uint64_t size;
    uint32_t link;
    uint32_t info;
    uint64_t alignment;
    uint64_t entry_size;
} section;

static void add_section(writer *w, const section *added)
{
    w->next = w->next_header;
    put(w, added->name, 4);
    put(w, added->type, 4);
    put_word(w, added->flags);
    put_word(w, added->addr);
    put_word(w, added->offset);
    put_word(w, added->size);
    put(w, added->link, 4);
    put(w, added->info, 4);
    put_word(w, added->alignment);
    put_word(w, added->entry_size);
    w->next_header = w->next;
}

/* Where the count of sections does not fit, section 0 has it. */
static void write_header(writer *w)
{
    const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', w->sizes->class, OJI_HOST_IS_BIG ? 2 : 1, 1};
    const bool is_counted = w->n_sections < SHN_LORESERVE, is_named = w->n_sections - 1 < SHN_LORESERVE;
    memcpy(w->file, ident, sizeof ident);
    w->next = sizeof ident;
    put(w, 2 /* ET_EXEC */, 2);
    put(w, w->infos[0]->machine, 2);
    put(w, 1, 4);
    put_word(w, 0);
    put_word(w, 0);
    put_word(w, w->headers_off);
    put(w, w->infos[0]->machine_flags, 4);
    put(w, w->sizes->header, 2);
    put(w, 0, 2);
    put(w, 0, 2);
    put(w, w->sizes->section, 2);
    put(w, is_counted ? w->n_sections : 0, 2);
    put(w, is_named ? w->n_sections - 1 : SHN_XINDEX, 2);
    w->next_header = w->headers_off;
    add_section(
        w, &(section){.size = is_counted ? 0 : w->n_sections, .link = is_named ? 0 : (uint32_t)(w->n_sections - 1)});
}

static uint32_t add_section_name(writer *w, const char *name)
{
    uint32_t offset = w->next_name;
    size_t size = strlen(name) + 1;
    memcpy(w->file + w->section_names_off + offset, name, size);
    w->next_name += (uint32_t)size;
    return offset;
}

static void write_segments(writer *w)
{
    static const uint64_t flags[] = {SHF_ALLOC | SHF_EXECINSTR, SHF_ALLOC, SHF_ALLOC | SHF_WRITE};
    uint32_t names[OJI_COUNT(segment_names)];
    for (size_t i = 0; i < OJI_COUNT(segment_names); i++)
        names[i] = add_section_name(w, segment_names[i]);
    for (uint32_t i = 0; i < w->n_stretches; i++) {
        uint32_t kind = w->stretches[i].kind - 1;
        add_section(w, &(section){.name = names[kind],
                                  .type = SHT_NOBITS,
                                  .flags = flags[kind],
                                  .addr = w->stretches[i].addr,
                                  .offset = w->sizes->header,
                                  .size = w->stretches[i].size,
                                  .alignment = 1});
    }
}

/* Fields that count from a section's start grow by what lies before this code's part of it. A field that would not fit
 * its 4 bytes is cut: the whole is bounded far below, see gdb.c. */
static void write_part(writer *w, const oji_debug_info *info, const uint64_t starts[OJI_DEBUG_SECTIONS])
{
    for (int k = 0; k < OJI_DEBUG_SECTIONS; k++)
        if (info->sections[k].size > 0)
            memcpy(w->file + w->debug_offs[k] + starts[k], info->sections[k].bytes, (size_t)info->sections[k].size);
    for (uint32_t i = 0; i < info->n_fixes; i++) {
        const oji_debug_fix *fix = &info->fixes[i];
        uint8_t *field = w->file + w->debug_offs[fix->section] + starts[fix->section] + fix->offset;
        if (fix->width == 8)
            oji_store64_host(field, oji_load64_host(field) + starts[fix->target]);
        else
            oji_store32_host(field, oji_load32_host(field) + (uint32_t)starts[fix->target]);
    }
}

static void write_debug(writer *w)
{
    uint64_t starts[OJI_DEBUG_SECTIONS] = {0};
    for (size_t i = 0; i < w->n_infos; i++) {
        write_part(w, w->infos[i], starts);
        for (int k = 0; k < OJI_DEBUG_SECTIONS; k++)
            starts[k] += w->infos[i]->sections[k].size;
    }
    for (int k = 0; k < OJI_DEBUG_SECTIONS; k++)
        if (w->debug_sizes[k] > 0)
            add_section(w, &(section){.name = add_section_name(w, oji_debug_names[k]),
                                      .type = SHT_PROGBITS,
                                      .offset = w->debug_offs[k],
                                      .size = w->debug_sizes[k],
                                      .alignment = 1});
}

/* A segment beyond the numbers that a symbol can hold is not named. */
static void put_kind(writer *w, const oji_debug_symbol *symbol, uint64_t home)
{
    const unsigned type = symbol->is_function ? STT_FUNC : STT_OBJECT;
    w->file[w->next] = (uint8_t)((unsigned)(symbol->is_global ? STB_GLOBAL : STB_LOCAL) << 4 | type);
    w->next += 2;
    put(w, home < SHN_LORESERVE ? home : SHN_ABS, 2);
}

/* Symbols hold addresses, as in every executable. The classes order the fields differently. */
static void write_symbol(writer *w, const oji_debug_symbol *symbol, uint64_t name_off, uint64_t home)
{
    const bool is_64 = w->sizes->word == 8;
    put(w, name_off, 4);
    if (is_64)
        put_kind(w, symbol, home);
    put_word(w, symbol->addr);
    put_word(w, symbol->size);
    if (!is_64)
        put_kind(w, symbol, home);
}

static void add_names(writer *w, const char *name, uint64_t offset, uint64_t size)
{
    add_section(
        w, &(section){
               .name = add_section_name(w, name), .type = SHT_STRTAB, .offset = offset, .size = size, .alignment = 1});
}

/* Local ones first (gABI chapter 4, sh_info of a symbol table). */
static void write_symbols(writer *w)
{
    const uint64_t size = w->sizes->symbol;
    uint64_t next[2] = {w->symbols_off + size, w->symbols_off + w->n_local * size};
    uint64_t name_base = 1, range_base = 0;
    for (size_t i = 0; i < w->n_infos; i++) {
        const oji_debug_info *info = w->infos[i];
        for (uint32_t s = 0; s < info->n_symbols; s++) {
            const oji_debug_symbol *symbol = &info->symbols[s];
            w->next = next[symbol->is_global];
            write_symbol(w, symbol, name_base + symbol->name_off, 1 + w->stretch_of[range_base + symbol->range]);
            next[symbol->is_global] = w->next;
        }
        if (info->names_size > 0)
            memcpy(w->file + w->names_off + name_base, info->names, (size_t)info->names_size);
        name_base += info->names_size;
        range_base += info->n_ranges;
    }
    add_section(w, &(section){.name = add_section_name(w, ".symtab"),
                              .type = SHT_SYMTAB,
                              .offset = w->symbols_off,
                              .size = w->n_symbols * size,
                              .link = (uint32_t)(w->n_sections - 2), /* the names come next */
                              .info = (uint32_t)w->n_local,
                              .alignment = w->sizes->word,
                              .entry_size = size});
    add_names(w, ".strtab", w->names_off, w->names_size);
}

static void write_file(writer *w)
{
    write_header(w);
    write_segments(w);
    write_debug(w);
    write_symbols(w);
    add_names(w, ".shstrtab", w->section_names_off, w->section_names_size);
}

uint8_t *oji_gdb_make_file(const oji_debug_info *const *infos, size_t n_infos, const oj_allocator *allocator,
                           uint64_t *size)
{
    writer w = {.infos = infos, .n_infos = n_infos, .sizes = &classes[!infos[0]->is_32], .next_name = 1};
    oji_arena arena;
    oji_arena_init(&arena, allocator, NULL, 0);
    count(&w);
    if (find_stretches(&w, &arena)) {
        lay_out(&w);
        w.file = oji_allocate_zeroed(allocator, w.size);
        if (w.file)
            write_file(&w);
    }
    oji_arena_free(&arena);
    *size = w.size;
    return w.file;
}
