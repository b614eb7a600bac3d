/* How the records of ELF's two classes and two byte orders lie in a file. Everything else of this folder sees them
 * decoded. Nothing here is checked but what the callers have: that the record lies inside the file.
 * Source: ELF gABI chapter 4: Elf32_Ehdr, Elf32_Shdr, Elf32_Sym, Elf32_Rel, Elf32_Rela, and the same of Elf64. */
#ifndef OJI_ELF_FORMAT_H
#define OJI_ELF_FORMAT_H

#include "base/base.h"

/* Sizes are bytes. */
typedef struct oji_elf_format {
    bool is_64;
    bool is_big;
    uint8_t header_size;
    uint8_t section_size;
    uint8_t symbol_size;
    uint8_t rela_size;
    uint8_t rel_size;
} oji_elf_format;

/* The format that e_ident says; NULL for classes and orders that there are not. */
static inline const oji_elf_format *oji_elf_find_format(uint8_t elf_class, uint8_t order)
{
    static const oji_elf_format formats[4] = {
        {false, false, 52, 40, 16, 12, 8},
        {false, true, 52, 40, 16, 12, 8},
        {true, false, 64, 64, 24, 24, 16},
        {true, true, 64, 64, 24, 24, 16},
    };
    if (elf_class < 1 || elf_class > 2 || order < 1 || order > 2)
        return NULL;
    return &formats[(elf_class - 1) * 2 + (order - 1)];
}

/* Records that are read in great numbers are decoded by code of their own in the commonest files, where every field is
 * one load: callers pass this constant there instead of the file's format. */
static const oji_elf_format oji_elf_usual = {true, false, 64, 64, 24, 24, 16};
static inline bool oji_elf_is_usual(const oji_elf_format *format) { return format->is_64 && !format->is_big; }

static inline uint32_t oji_elf_half(const oji_elf_format *format, const uint8_t *p)
{
    uint32_t value = oji_load16(p);
    return format->is_big ? (value >> 8 | value << 8) & 0xffff : value;
}

static inline uint32_t oji_elf_word(const oji_elf_format *format, const uint8_t *p)
{
    return format->is_big ? oji_load32be(p) : oji_load32(p);
}

/* Elf32_Addr, Elf32_Off and the like, which are wider in the other class. */
static inline uint64_t oji_elf_wide(const oji_elf_format *format, const uint8_t *p)
{
    if (!format->is_64)
        return oji_elf_word(format, p);
    return format->is_big ? oji_load64be(p) : oji_load64(p);
}

/* The file's header, as far as it matters. */
typedef struct oji_elf_file {
    uint32_t type;
    uint32_t machine;
    uint32_t version;
    uint32_t flags;
    uint64_t headers_off;
    uint32_t section_size;
    uint32_t n_sections;
    uint32_t names_index;
} oji_elf_file;

static inline oji_elf_file oji_elf_decode_file(const oji_elf_format *format, const uint8_t *p)
{
    /* e_shentsize, e_shnum and e_shstrndx end the header in both classes. */
    const uint8_t *end = p + format->header_size;
    oji_elf_file file;
    file.type = oji_elf_half(format, p + 16);
    file.machine = oji_elf_half(format, p + 18);
    file.version = oji_elf_word(format, p + 20);
    file.headers_off = oji_elf_wide(format, p + (format->is_64 ? 40 : 32));
    file.flags = oji_elf_word(format, p + (format->is_64 ? 48 : 36));
    file.section_size = oji_elf_half(format, end - 6);
    file.n_sections = oji_elf_half(format, end - 4);
    file.names_index = oji_elf_half(format, end - 2);
    return file;
}

/* A section header. */
typedef struct oji_elf_header {
    uint32_t name;
    uint32_t type;
    uint64_t flags;
    uint64_t offset;
    uint64_t size;
    uint32_t link;
    uint32_t info;
    uint64_t alignment;
    uint64_t entry_size;
} oji_elf_header;

/* Behind two words each class has four fields of its address's width, two words, and two of that width again; the
 * second of the first four, sh_addr, means nothing here. */
static inline oji_elf_header oji_elf_decode_section(const oji_elf_format *format, const uint8_t *p)
{
    const uint32_t width = format->is_64 ? 8 : 4;
    const uint8_t *link = p + 8 + 4 * width;
    oji_elf_header header;
    header.name = oji_elf_word(format, p);
    header.type = oji_elf_word(format, p + 4);
    header.flags = oji_elf_wide(format, p + 8);
    header.offset = oji_elf_wide(format, p + 8 + 2 * width);
    header.size = oji_elf_wide(format, p + 8 + 3 * width);
    header.link = oji_elf_word(format, link);
    header.info = oji_elf_word(format, link + 4);
    header.alignment = oji_elf_wide(format, link + 8);
    header.entry_size = oji_elf_wide(format, link + 8 + width);
    return header;
}

typedef struct oji_elf_symbol {
    uint32_t name;
    uint8_t info;
    uint8_t other;
    uint32_t section;
    uint64_t value;
    uint64_t size;
} oji_elf_symbol;

static inline oji_elf_symbol oji_elf_decode_symbol(const oji_elf_format *format, const uint8_t *p)
{
    const uint8_t *info = p + (format->is_64 ? 4 : 12);
    oji_elf_symbol symbol;
    symbol.name = oji_elf_word(format, p);
    symbol.info = info[0];
    symbol.other = info[1];
    symbol.section = oji_elf_half(format, info + 2);
    symbol.value = oji_elf_wide(format, p + (format->is_64 ? 8 : 4));
    symbol.size = oji_elf_wide(format, p + (format->is_64 ? 16 : 8));
    return symbol;
}

/* addend is 0 where has_addend is false: it is in the field. */
typedef struct oji_elf_reloc {
    uint64_t offset;
    int64_t addend;
    uint32_t number;
    uint32_t symbol;
} oji_elf_reloc;

static inline oji_elf_reloc oji_elf_decode_reloc(const oji_elf_format *format, const uint8_t *p, bool has_addend)
{
    oji_elf_reloc reloc;
    reloc.offset = oji_elf_wide(format, p);
    if (format->is_64) {
        uint64_t info = oji_elf_wide(format, p + 8);
        reloc.number = (uint32_t)info;
        reloc.symbol = (uint32_t)(info >> 32);
        reloc.addend = has_addend ? (int64_t)oji_elf_wide(format, p + 16) : 0;
    } else {
        uint32_t info = oji_elf_word(format, p + 4);
        reloc.number = info & 0xff;
        reloc.symbol = info >> 8;
        reloc.addend = has_addend ? (int32_t)oji_elf_word(format, p + 8) : 0;
    }
    return reloc;
}

#endif
