/* Writes ELF objects of both classes and both orders of bytes: sections, symbols and relocations one after another,
 * then the headers. Running out of memory is remembered and told at the end. */
#include "objects.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_RISCV 0x97, 0, 0, 0, 0xe7, 0x80, 0, 0
#define PLACES_RISCV 0x17, 5, 0, 0, 0x13, 5, 5, 0, 0x97, 5, 0, 0, 0x83

/* Sources: the architectures' psABIs for the types, their manuals for the instructions. */
const bench_target bench_targets[] = {
    {.name = "x86-64",
     .machine = EM_X86_64,
     .is_64 = true,
     .has_addends = true,
     .word_type = R_X86_64_64,
     .size = 24,
     .bytes = {0xe8, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0x48, 0x8d, 5, 0, 0, 0, 0, 0x48, 0x8b, 5, 0, 0, 0, 0},
     .relocs = {{1, R_X86_64_PLT32, BENCH_FUNCTION, -4},
                {6, R_X86_64_PLT32, BENCH_OUTSIDE, -4},
                {13, R_X86_64_PC32, BENCH_VARIABLE, -4},
                {20, R_X86_64_REX_GOTPCRELX, BENCH_OUTSIDE, -4}}},
    {.name = "i386",
     .machine = EM_386,
     .word_type = R_386_32,
     .size = 24,
     .bytes = {0xe8, 0xfc, 0xff, 0xff, 0xff, 0xe8, 0xfc, 0xff, 0xff, 0xff, 0x8d, 0x83,
               0,    0,    0,    0,    0x8b, 0x83, 0,    0,    0,    0,    0x90, 0x90},
     .relocs = {{1, R_386_PC32, BENCH_FUNCTION, 0},
                {6, R_386_PLT32, BENCH_OUTSIDE, 0},
                {12, R_386_GOTOFF, BENCH_VARIABLE, 0},
                {18, R_386_GOT32X, BENCH_OUTSIDE, 0}}},
    {.name = "aarch64",
     .machine = EM_AARCH64,
     .is_64 = true,
     .has_addends = true,
     .word_type = R_AARCH64_ABS64,
     .size = 24,
     .bytes = {0, 0, 0, 0x94, 0, 0, 0, 0x94, 0, 0, 0, 0x90, 0, 0, 0, 0x91, 1, 0, 0, 0x90, 0x21, 0, 0x40, 0xf9},
     .relocs = {{0, R_AARCH64_CALL26, BENCH_FUNCTION, 0},
                {4, R_AARCH64_CALL26, BENCH_OUTSIDE, 0},
                {8, R_AARCH64_ADR_PREL_PG_HI21, BENCH_VARIABLE, 0},
                {12, R_AARCH64_ADD_ABS_LO12_NC, BENCH_VARIABLE, 0},
                {16, R_AARCH64_ADR_GOT_PAGE, BENCH_OUTSIDE, 0},
                {20, R_AARCH64_LD64_GOT_LO12_NC, BENCH_OUTSIDE, 0}}},
    {.name = "arm",
     .machine = EM_ARM,
     .flags = EF_ARM_EABI_VER5,
     .word_type = R_ARM_ABS32,
     .size = 20,
     .bytes = {0xfe, 0xff, 0xff, 0xeb, 0xfe, 0xff, 0xff, 0xeb, 0, 0, 0, 0xe3, 0, 0, 0x40, 0xe3, 0, 0, 0, 0},
     .relocs = {{0, R_ARM_CALL, BENCH_FUNCTION, 0},
                {4, R_ARM_CALL, BENCH_OUTSIDE, 0},
                {8, R_ARM_MOVW_ABS_NC, BENCH_VARIABLE, 0},
                {12, R_ARM_MOVT_ABS, BENCH_VARIABLE, 0},
                {16, R_ARM_GOT_PREL, BENCH_OUTSIDE, 0}}},
    {.name = "thumb",
     .machine = EM_ARM,
     .is_thumb = true,
     .flags = EF_ARM_EABI_VER5,
     .word_type = R_ARM_ABS32,
     .size = 20,
     .bytes = {0xff, 0xf7, 0xfe, 0xff, 0xff, 0xf7, 0xfe, 0xff, 0x40, 0xf2, 0, 0, 0xc0, 0xf2, 0, 0, 0, 0, 0, 0},
     .relocs = {{0, R_ARM_THM_PC22, BENCH_FUNCTION, 0},
                {4, R_ARM_THM_PC22, BENCH_OUTSIDE, 0},
                {8, R_ARM_THM_MOVW_ABS_NC, BENCH_VARIABLE, 0},
                {12, R_ARM_THM_MOVT_ABS, BENCH_VARIABLE, 0},
                {16, R_ARM_GOT_PREL, BENCH_OUTSIDE, 0}}},
    {.name = "riscv64",
     .machine = EM_RISCV,
     .is_64 = true,
     .has_addends = true,
     .flags = EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE,
     .word_type = R_RISCV_64,
     .size = 32,
     .bytes = {CALL_RISCV, CALL_RISCV, PLACES_RISCV, 0xb5, 5, 0},
     .relocs = {{0, R_RISCV_CALL_PLT, BENCH_FUNCTION, 0},
                {8, R_RISCV_CALL_PLT, BENCH_OUTSIDE, 0},
                {16, R_RISCV_PCREL_HI20, BENCH_VARIABLE, 0},
                {20, R_RISCV_PCREL_LO12_I, BENCH_LABEL, 16},
                {24, R_RISCV_GOT_HI20, BENCH_OUTSIDE, 0},
                {28, R_RISCV_PCREL_LO12_I, BENCH_LABEL, 24}}},
    {.name = "riscv32",
     .machine = EM_RISCV,
     .has_addends = true,
     .flags = EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE,
     .word_type = R_RISCV_32,
     .size = 32,
     .bytes = {CALL_RISCV, CALL_RISCV, PLACES_RISCV, 0xa5, 5, 0},
     .relocs = {{0, R_RISCV_CALL_PLT, BENCH_FUNCTION, 0},
                {8, R_RISCV_CALL_PLT, BENCH_OUTSIDE, 0},
                {16, R_RISCV_PCREL_HI20, BENCH_VARIABLE, 0},
                {20, R_RISCV_PCREL_LO12_I, BENCH_LABEL, 16},
                {24, R_RISCV_GOT_HI20, BENCH_OUTSIDE, 0},
                {28, R_RISCV_PCREL_LO12_I, BENCH_LABEL, 24}}},
    {.name = "s390x",
     .machine = EM_S390,
     .is_64 = true,
     .is_big = true,
     .has_addends = true,
     .word_type = R_390_64,
     .size = 24,
     .bytes = {0xc0, 0xe5, 0, 0, 0, 0, 0xc0, 0xe5, 0, 0, 0, 0, 0xc0, 0x10, 0, 0, 0, 0, 0xc4, 0x18, 0, 0, 0, 0},
     .relocs = {{2, R_390_PLT32DBL, BENCH_FUNCTION, 2},
                {8, R_390_PLT32DBL, BENCH_OUTSIDE, 2},
                {14, R_390_PC32DBL, BENCH_VARIABLE, 2},
                {20, R_390_GOTENT, BENCH_OUTSIDE, 2}}},
    {.name = NULL}};

/* --- writing ------------------------------------------------------------------------------------------------------ */

typedef struct buffer {
    uint8_t *data;
    size_t size, capacity;
} buffer;

typedef struct header {
    uint32_t name, type, link, info;
    uint64_t flags, offset, size, alignment, entry_size;
} header;

/* file: what sections hold; the rest goes behind it. */
typedef struct writer {
    const bench_target *target;
    buffer file, symbols, strings;
    header *headers;
    uint32_t n_headers, headers_capacity, n_symbols, n_locals;
    bool is_short; /* of memory */
} writer;

static uint8_t *extend(writer *w, buffer *b, size_t size)
{
    if (b->size + size > b->capacity) {
        size_t capacity = (b->size + size) * 2 + 4096;
        uint8_t *more = realloc(b->data, capacity);
        if (!more) {
            w->is_short = true;
            return NULL;
        }
        b->data = more;
        b->capacity = capacity;
    }
    memset(b->data + b->size, 0, size);
    b->size += size;
    return b->data + b->size - size;
}

static void put(writer *w, buffer *b, uint64_t value, uint32_t size)
{
    uint8_t *at = extend(w, b, size);
    for (uint32_t i = 0; at && i < size; i++)
        at[w->target->is_big ? size - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

/* An address or size, as wide as the class says. */
static void put_word(writer *w, buffer *b, uint64_t value) { put(w, b, value, w->target->is_64 ? 8 : 4); }

static uint32_t add_string(writer *w, const char *text)
{
    uint32_t at = (uint32_t)w->strings.size;
    size_t size = strlen(text) + 1;
    uint8_t *to = extend(w, &w->strings, size);
    if (to)
        memcpy(to, text, size);
    return at;
}

static header *add_header(writer *w, const char *name, uint32_t type, uint64_t flags)
{
    static header nowhere;
    if (w->n_headers == w->headers_capacity) {
        uint32_t capacity = w->headers_capacity * 2 + 16;
        header *more = realloc(w->headers, capacity * sizeof *more);
        if (!more) {
            w->is_short = true;
            return &nowhere;
        }
        w->headers = more;
        w->headers_capacity = capacity;
    }
    header *h = &w->headers[w->n_headers++];
    *h = (header){.name = add_string(w, name), .type = type, .flags = flags, .alignment = 8};
    h->offset = w->file.size;
    return h;
}

/* Symbols of one binding after another, local ones first, as the format wants it. */
static void add_symbol(writer *w, const char *name, uint8_t info, uint16_t section, uint64_t value)
{
    uint32_t at = add_string(w, name);
    put(w, &w->symbols, at, 4);
    if (w->target->is_64) {
        put(w, &w->symbols, info, 1);
        put(w, &w->symbols, 0, 1);
        put(w, &w->symbols, section, 2);
        put(w, &w->symbols, value, 8);
        put(w, &w->symbols, 0, 8);
    } else {
        put(w, &w->symbols, value, 4);
        put(w, &w->symbols, 0, 4);
        put(w, &w->symbols, info, 1);
        put(w, &w->symbols, 0, 1);
        put(w, &w->symbols, section, 2);
    }
    w->n_symbols++;
    w->n_locals += ELF64_ST_BIND(info) == STB_LOCAL;
}

static void add_reloc(writer *w, uint64_t offset, uint32_t type, uint32_t symbol, int64_t addend)
{
    put_word(w, &w->file, offset);
    put_word(w, &w->file, w->target->is_64 ? ELF64_R_INFO((uint64_t)symbol, type) : ELF32_R_INFO(symbol, type));
    if (w->target->has_addends)
        put_word(w, &w->file, (uint64_t)addend);
}

/* The relocations that follow, until end_relocs(), are of the section before. The symbol table's index is `symtab`. */
static void begin_relocs(writer *w, uint32_t symtab)
{
    uint32_t section = w->n_headers - 1;
    header *h = add_header(w, w->target->has_addends ? ".rela" : ".rel", w->target->has_addends ? SHT_RELA : SHT_REL,
                           SHF_INFO_LINK);
    h->link = symtab;
    h->info = section;
    h->entry_size = (w->target->is_64 ? 8u : 4u) * (w->target->has_addends ? 3u : 2u);
}

static void end_section(writer *w)
{
    if (w->n_headers > 0)
        w->headers[w->n_headers - 1].size = w->file.size - w->headers[w->n_headers - 1].offset;
}

/* From here on the file is only added to: a section's bytes may lie before those of the headers that name it. */
static void add_table(writer *w, const char *name, uint32_t type, buffer *content)
{
    header *h = add_header(w, name, type, 0);
    h->alignment = 1;
    if (type == SHT_SYMTAB) {
        h->link = w->n_headers;
        h->info = w->n_locals;
        h->entry_size = w->target->is_64 ? 24 : 16;
    }
    h->size = content->size;
    uint8_t *to = extend(w, &w->file, content->size);
    if (to)
        memcpy(to, content->data, content->size);
}

static void put_header(writer *w, const header *h)
{
    put(w, &w->file, h->name, 4);
    put(w, &w->file, h->type, 4);
    put_word(w, &w->file, h->flags);
    put_word(w, &w->file, 0);
    put_word(w, &w->file, h->offset);
    put_word(w, &w->file, h->size);
    put(w, &w->file, h->link, 4);
    put(w, &w->file, h->info, 4);
    put_word(w, &w->file, h->alignment);
    put_word(w, &w->file, h->entry_size);
}

static void put_file_header(writer *w, buffer *b, uint64_t headers_offset)
{
    const bench_target *t = w->target;
    uint8_t *id = extend(w, b, EI_NIDENT);
    if (id)
        memcpy(id,
               (uint8_t[]){ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, t->is_64 ? ELFCLASS64 : ELFCLASS32,
                           t->is_big ? ELFDATA2MSB : ELFDATA2LSB, EV_CURRENT},
               7);
    put(w, b, ET_REL, 2);
    put(w, b, t->machine, 2);
    put(w, b, EV_CURRENT, 4);
    put_word(w, b, 0);
    put_word(w, b, 0);
    put_word(w, b, headers_offset);
    put(w, b, t->flags, 4);
    put(w, b, t->is_64 ? 64 : 52, 2);
    put(w, b, 0, 4);
    put(w, b, t->is_64 ? 64 : 40, 2);
    put(w, b, w->n_headers, 2);
    put(w, b, w->n_headers - 1, 2);
}

/* Room for the header, the empty section and the empty symbol come first. */
static void begin(writer *w, const bench_target *target)
{
    *w = (writer){.target = target};
    extend(w, &w->file, 64);
    add_string(w, "");
    add_header(w, "", SHT_NULL, 0);
    w->headers[0] = (header){0};
    add_symbol(w, "", 0, SHN_UNDEF, 0);
}

static bench_bytes finish(writer *w)
{
    buffer first = {0};
    bench_bytes out = {0};
    add_table(w, ".symtab", SHT_SYMTAB, &w->symbols);
    add_table(w, ".strtab", SHT_STRTAB, &w->strings);
    extend(w, &w->file, (8 - w->file.size % 8) % 8);
    uint64_t headers_offset = w->file.size;
    for (uint32_t i = 0; i < w->n_headers; i++)
        put_header(w, &w->headers[i]);
    put_file_header(w, &first, headers_offset);
    if (!w->is_short) {
        memcpy(w->file.data, first.data, first.size);
        out = (bench_bytes){w->file.data, w->file.size};
    } else {
        free(w->file.data);
    }
    free(first.data);
    free(w->symbols.data);
    free(w->strings.data);
    free(w->headers);
    return out;
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static uint32_t count_labels(const bench_target *target)
{
    uint32_t n = 0;
    for (const bench_reloc *r = target->relocs; r->type != 0; r++)
        n += r->refers == BENCH_LABEL;
    return n;
}

static void add_names(writer *w, char letter, uint32_t n, uint16_t section, uint64_t step)
{
    bool is_function = letter == 'f';
    for (uint32_t i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "%c%u", letter, i);
        add_symbol(w, name, ELF64_ST_INFO(STB_GLOBAL, is_function ? STT_FUNC : STT_NOTYPE), section,
                   i * step + (is_function && w->target->is_thumb));
    }
}

/* Labels, then functions, variables and names of elsewhere. */
static void add_symbols(writer *w, uint32_t n_units, uint32_t n_names)
{
    const bench_target *t = w->target;
    for (uint32_t i = 0; i < n_units; i++)
        for (const bench_reloc *r = t->relocs; r->type != 0; r++)
            if (r->refers == BENCH_LABEL)
                add_symbol(w, "", STT_NOTYPE, 1, (uint64_t)i * t->size + (uint32_t)r->addend);
    add_names(w, 'f', n_names, 1, (uint64_t)(n_units / n_names) * t->size);
    add_names(w, 'd', n_names, 3, t->is_64 ? 8 : 4);
    add_names(w, 'e', n_names, SHN_UNDEF, 0);
}

static void add_unit_relocs(writer *w, uint32_t unit, uint32_t n_units, uint32_t n_names)
{
    const bench_target *t = w->target;
    uint32_t n_labels = count_labels(t), label = 1 + unit * n_labels, first = 1 + n_units * n_labels;
    for (const bench_reloc *r = t->relocs; r->type != 0; r++) {
        bool is_label = r->refers == BENCH_LABEL;
        uint32_t symbol = is_label ? label++ : first + r->refers * n_names + unit % n_names;
        add_reloc(w, (uint64_t)unit * t->size + r->offset, r->type, symbol, is_label ? 0 : r->addend);
    }
}

bench_bytes bench_units_object(const bench_target *target, uint32_t n_units, uint32_t n_names, uint32_t *n_relocs)
{
    writer w;
    uint32_t first = 1 + n_units * count_labels(target), word = target->is_64 ? 8 : 4;
    begin(&w, target);
    add_symbols(&w, n_units, n_names);
    add_header(&w, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR);
    for (uint32_t i = 0; i < n_units; i++) {
        uint8_t *to = extend(&w, &w.file, target->size);
        if (to)
            memcpy(to, target->bytes, target->size);
    }
    end_section(&w);
    begin_relocs(&w, 5);
    for (uint32_t i = 0; i < n_units; i++)
        add_unit_relocs(&w, i, n_units, n_names);
    end_section(&w);
    add_header(&w, ".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE);
    extend(&w, &w.file, (size_t)n_units * word);
    end_section(&w);
    begin_relocs(&w, 5);
    for (uint32_t i = 0; i < n_units; i++)
        add_reloc(&w, (uint64_t)i * word, target->word_type, first + i % n_names, 0);
    end_section(&w);
    *n_relocs = n_units;
    for (const bench_reloc *r = target->relocs; r->type != 0; r++)
        *n_relocs += n_units;
    return finish(&w);
}
