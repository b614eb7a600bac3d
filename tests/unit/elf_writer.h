/* Writes small ELF objects for the tests: sections, symbols and relocations as they are asked for, right or wrong.
 * Offsets of what was written are kept, so that a test can overwrite any field. Memory that cannot be had ends the
 * test program. */
#ifndef OJT_ELF_WRITER_H
#define OJT_ELF_WRITER_H

#include "elf/elf.h"
#include "support/test.h"

#include <stdlib.h>

/* Sizes of ELF64's records, bytes. */
enum { ELF_HEADER_SIZE = 64, ELF_SECTION_SIZE = 64, ELF_SYMBOL_SIZE = 24, ELF_RELA_SIZE = 24 };

typedef struct ojt_section {
    char name[48];
    uint32_t type;
    uint64_t flags;
    uint8_t *data;
    uint64_t size;
    uint64_t alignment;
    uint32_t link;
    uint32_t info;
    uint64_t entry_size;
    uint64_t offset; /* of its content in the file; set by ojt_finish() */
} ojt_section;

typedef struct ojt_elf {
    ojt_section *sections;
    uint32_t n_sections;
    uint32_t section_capacity;
    uint8_t *symbols;     /* records as in the file */
    uint32_t *section_of; /* each symbol's section index, unshortened */
    uint32_t n_symbols;
    uint32_t first_global;
    char *strings;
    size_t strings_size;
    uint32_t symtab; /* section indexes, set by ojt_finish() */
    uint32_t strtab;
    uint32_t shndx;
    uint32_t shstrtab;
    uint64_t headers_off;
    uint8_t *bytes; /* the file */
    size_t size;
} ojt_elf;

static inline void *ojt_grow(void *old, size_t size)
{
    void *grown = realloc(old, size ? size : 1);
    if (!grown)
        exit(3);
    return grown;
}

static inline void ojt_copy(void *to, const void *from, size_t size)
{
    if (size > 0)
        memcpy(to, from, size);
}

/* Add a section; data is copied, and NULL gives zeros. Returns its index. */
static inline uint32_t ojt_add_section(ojt_elf *elf, const char *name, uint32_t type, uint64_t flags, const void *data,
                                       uint64_t size)
{
    ojt_section *section;
    if (elf->n_sections == elf->section_capacity) {
        elf->section_capacity = elf->section_capacity * 2 + 16;
        elf->sections = (ojt_section *)ojt_grow(elf->sections, elf->section_capacity * sizeof *elf->sections);
    }
    section = &elf->sections[elf->n_sections];
    memset(section, 0, sizeof *section);
    snprintf(section->name, sizeof section->name, "%s", name);
    section->type = type;
    section->flags = flags;
    section->size = size;
    section->alignment = 1;
    if (type != ELF_SHT_NOBITS) {
        section->data = (uint8_t *)ojt_grow(NULL, (size_t)size);
        memset(section->data, 0, (size_t)size);
        ojt_copy(section->data, data, data ? (size_t)size : 0);
    }
    return elf->n_sections++;
}

static inline void ojt_append(ojt_elf *elf, uint32_t index, const void *data, size_t size)
{
    ojt_section *section = &elf->sections[index];
    section->data = (uint8_t *)ojt_grow(section->data, (size_t)section->size + size);
    memcpy(section->data + section->size, data, size);
    section->size += size;
}

static inline uint32_t ojt_add_symbol(ojt_elf *elf, const char *name, unsigned binding, unsigned type, uint32_t section,
                                      uint64_t value, uint64_t size)
{
    uint8_t *p;
    size_t length = strlen(name) + 1;
    elf->symbols = (uint8_t *)ojt_grow(elf->symbols, (size_t)(elf->n_symbols + 1) * ELF_SYMBOL_SIZE);
    elf->section_of = (uint32_t *)ojt_grow(elf->section_of, (elf->n_symbols + 1) * sizeof *elf->section_of);
    p = elf->symbols + (size_t)elf->n_symbols * ELF_SYMBOL_SIZE;
    oji_store32(p, length == 1 ? 0 : (uint32_t)elf->strings_size);
    p[4] = (uint8_t)(binding << 4 | type);
    p[5] = 0;
    oji_store16(p + 6, (uint16_t)section);
    oji_store64(p + 8, value);
    oji_store64(p + 16, size);
    if (length > 1) {
        elf->strings = (char *)ojt_grow(elf->strings, elf->strings_size + length);
        memcpy(elf->strings + elf->strings_size, name, length);
        elf->strings_size += length;
    }
    elf->section_of[elf->n_symbols] = section;
    if (binding == ELF_STB_LOCAL && elf->first_global == elf->n_symbols)
        elf->first_global++;
    return elf->n_symbols++;
}

/* Start an object: section 0 and symbol 0. */
static inline void ojt_start(ojt_elf *elf)
{
    memset(elf, 0, sizeof *elf);
    elf->strings = (char *)ojt_grow(NULL, 1);
    elf->strings[0] = '\0';
    elf->strings_size = 1;
    ojt_add_section(elf, "", ELF_SHT_NULL, 0, NULL, 0);
    elf->sections[0].alignment = 0;
    ojt_add_symbol(elf, "", 0, 0, 0, 0, 0);
}

/* Add an empty relocation table for a section; its link to the symbol table is set by ojt_finish(). */
static inline uint32_t ojt_add_table(ojt_elf *elf, const char *name, uint32_t target)
{
    uint32_t index = ojt_add_section(elf, name, ELF_SHT_RELA, 0, NULL, 0);
    elf->sections[index].info = target;
    elf->sections[index].entry_size = ELF_RELA_SIZE;
    elf->sections[index].alignment = 8;
    return index;
}

static inline void ojt_add_reloc(ojt_elf *elf, uint32_t table, uint64_t offset, uint32_t number, uint32_t symbol,
                                 int64_t addend)
{
    uint8_t record[ELF_RELA_SIZE];
    oji_store64(record, offset);
    oji_store32(record + 8, number);
    oji_store32(record + 12, symbol);
    oji_store64(record + 16, (uint64_t)addend);
    ojt_append(elf, table, record, sizeof record);
}

/* The symbol table, its names, and where section indexes do not fit 16 bits the extended ones. */
static inline void ojt_add_tables(ojt_elf *elf)
{
    bool extended = false;
    for (uint32_t i = 0; i < elf->n_symbols; i++)
        extended |= elf->section_of[i] > 0xffff ||
                    (elf->section_of[i] >= ELF_SHN_LORESERVE && elf->n_sections >= ELF_SHN_LORESERVE);
    if (extended) {
        elf->shndx = ojt_add_section(elf, ".symtab_shndx", ELF_SHT_SYMTAB_SHNDX, 0, NULL, elf->n_symbols * UINT64_C(4));
        for (uint32_t i = 0; i < elf->n_symbols; i++) {
            if (elf->section_of[i] < ELF_SHN_LORESERVE)
                continue;
            oji_store16(elf->symbols + (size_t)i * ELF_SYMBOL_SIZE + 6, ELF_SHN_XINDEX);
            oji_store32(elf->sections[elf->shndx].data + (size_t)i * 4, elf->section_of[i]);
        }
    }
    elf->symtab =
        ojt_add_section(elf, ".symtab", ELF_SHT_SYMTAB, 0, elf->symbols, (uint64_t)elf->n_symbols * ELF_SYMBOL_SIZE);
    elf->strtab = ojt_add_section(elf, ".strtab", ELF_SHT_STRTAB, 0, elf->strings, elf->strings_size);
    elf->sections[elf->symtab].link = elf->strtab;
    elf->sections[elf->symtab].info = elf->first_global;
    elf->sections[elf->symtab].entry_size = ELF_SYMBOL_SIZE;
    if (elf->shndx)
        elf->sections[elf->shndx].link = elf->symtab;
    for (uint32_t i = 1; i < elf->n_sections; i++)
        if (elf->sections[i].type == ELF_SHT_RELA && elf->sections[i].link == 0)
            elf->sections[i].link = elf->symtab;
}

static inline void ojt_write_header(uint8_t *p, const ojt_section *section, uint32_t name)
{
    oji_store32(p, name);
    oji_store32(p + 4, section->type);
    oji_store64(p + 8, section->flags);
    oji_store64(p + 24, section->offset);
    oji_store64(p + 32, section->size);
    oji_store32(p + 40, section->link);
    oji_store32(p + 44, section->info);
    oji_store64(p + 48, section->alignment);
    oji_store64(p + 56, section->entry_size);
}

static inline void ojt_write_file_header(ojt_elf *elf)
{
    uint8_t *p = elf->bytes;
    bool extended = elf->n_sections >= ELF_SHN_LORESERVE;
    memcpy(p, "\177ELF\2\1\1", 7);
    oji_store16(p + 16, ELF_ET_REL);
    oji_store16(p + 18, ELF_EM_X86_64);
    oji_store32(p + 20, 1);
    oji_store64(p + 40, elf->headers_off);
    oji_store16(p + 52, ELF_HEADER_SIZE);
    oji_store16(p + 58, ELF_SECTION_SIZE);
    oji_store16(p + 60, (uint16_t)(extended ? 0 : elf->n_sections));
    oji_store16(p + 62, (uint16_t)(extended ? ELF_SHN_XINDEX : elf->shstrtab));
    if (extended) {
        elf->sections[0].size = elf->n_sections;
        elf->sections[0].link = elf->shstrtab;
    }
}

/* Write the file: elf->bytes, elf->size. */
static inline void ojt_finish(ojt_elf *elf)
{
    size_t names_size = 1;
    char *names;
    ojt_add_tables(elf);
    elf->shstrtab = ojt_add_section(elf, ".shstrtab", ELF_SHT_STRTAB, 0, NULL, 0);
    for (uint32_t i = 0; i < elf->n_sections; i++)
        names_size += strlen(elf->sections[i].name) + 1;
    names = (char *)ojt_grow(elf->sections[elf->shstrtab].data, names_size);
    elf->sections[elf->shstrtab].data = (uint8_t *)names;
    elf->sections[elf->shstrtab].size = names_size;
    elf->size = ELF_HEADER_SIZE;
    for (uint32_t i = 1; i < elf->n_sections; i++) {
        elf->sections[i].offset = elf->size;
        elf->size += elf->sections[i].type == ELF_SHT_NOBITS ? 0 : ((size_t)elf->sections[i].size + 7) & ~(size_t)7;
    }
    elf->headers_off = elf->size;
    elf->size += (size_t)elf->n_sections * ELF_SECTION_SIZE;
    elf->bytes = (uint8_t *)ojt_grow(NULL, elf->size);
    memset(elf->bytes, 0, elf->size);
    ojt_write_file_header(elf);
    names[0] = '\0';
    names_size = 1;
    for (uint32_t i = 0; i < elf->n_sections; i++) {
        size_t length = strlen(elf->sections[i].name) + 1;
        memcpy(names + names_size, elf->sections[i].name, length);
        ojt_write_header(elf->bytes + elf->headers_off + (size_t)i * ELF_SECTION_SIZE, &elf->sections[i],
                         (uint32_t)names_size);
        names_size += length;
    }
    for (uint32_t i = 1; i < elf->n_sections; i++)
        if (elf->sections[i].data)
            ojt_copy(elf->bytes + elf->sections[i].offset, elf->sections[i].data, (size_t)elf->sections[i].size);
}

static inline void ojt_free(ojt_elf *elf)
{
    for (uint32_t i = 0; i < elf->n_sections; i++)
        free(elf->sections[i].data);
    free(elf->sections);
    free(elf->symbols);
    free(elf->section_of);
    free(elf->strings);
    free(elf->bytes);
}

/* Places in the finished file, for overwriting. */
static inline uint8_t *ojt_header(ojt_elf *elf, uint32_t section)
{
    return elf->bytes + elf->headers_off + (size_t)section * ELF_SECTION_SIZE;
}

static inline uint8_t *ojt_content(ojt_elf *elf, uint32_t section)
{
    return elf->bytes + elf->sections[section].offset;
}

static inline uint8_t *ojt_symbol(ojt_elf *elf, uint32_t symbol)
{
    return ojt_content(elf, elf->symtab) + (size_t)symbol * ELF_SYMBOL_SIZE;
}

/* A small whole object: .text with one function `f` and one call to undefined `g`, and data that refers to a local. */
typedef struct ojt_sample {
    ojt_elf elf;
    uint32_t text, data, bss, table, data_table;
    uint32_t local, f, g;
} ojt_sample;

static inline void ojt_sample_start(ojt_sample *sample)
{
    static const uint8_t code[16] = {0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3, 0xcc, 0xcc, 0xcc};
    ojt_elf *elf = &sample->elf;
    ojt_start(elf);
    sample->text = ojt_add_section(elf, ".text", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, code, 16);
    elf->sections[sample->text].alignment = 16;
    sample->data = ojt_add_section(elf, ".data", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE, NULL, 24);
    elf->sections[sample->data].alignment = 8;
    sample->bss = ojt_add_section(elf, ".bss", ELF_SHT_NOBITS, ELF_SHF_ALLOC | ELF_SHF_WRITE, NULL, 4096);
    elf->sections[sample->bss].alignment = 32;
    sample->local = ojt_add_symbol(elf, "local", ELF_STB_LOCAL, ELF_STT_OBJECT, sample->bss, 16, 8);
    sample->f = ojt_add_symbol(elf, "f", ELF_STB_GLOBAL, ELF_STT_FUNC, sample->text, 0, 13);
    sample->g = ojt_add_symbol(elf, "g", ELF_STB_GLOBAL, ELF_STT_NOTYPE, ELF_SHN_UNDEF, 0, 0);
    sample->table = ojt_add_table(elf, ".rela.text", sample->text);
    ojt_add_reloc(elf, sample->table, 3, 42, sample->g, -4);
    ojt_add_reloc(elf, sample->table, 8, 4, sample->g, -4);
    sample->data_table = ojt_add_table(elf, ".rela.data", sample->data);
    ojt_add_reloc(elf, sample->data_table, 8, 1, sample->local, 5);
}

static inline void ojt_sample_make(ojt_sample *sample)
{
    ojt_sample_start(sample);
    ojt_finish(&sample->elf);
}

#endif
