/* A small writer of relocatable files, so that tests make objects, odd ones too, in memory and with no process. They
 * are of the architecture that this was compiled for where a test says nothing else. Nothing is checked: it writes what
 * it is told. */
#ifndef OJT_ELF_BUILDER_H
#define OJT_ELF_BUILDER_H

#include "support/machine.h"

#include <stdlib.h>
#include <string.h>

enum { OJT_ELF_MAX = 64 };

typedef struct ojt_elf_section {
    const char *name;
    const void *bytes; /* NULL for SHT_NOBITS */
    Elf64_Rela relocs[OJT_ELF_MAX];
    size_t size;
    uint64_t flags;
    uint64_t alignment;
    uint32_t type;
    int n_relocs;
} ojt_elf_section;

typedef struct ojt_elf {
    ojt_elf_section sections[OJT_ELF_MAX]; /* section i + 1 of the file */
    Elf64_Sym symbols[OJT_ELF_MAX];        /* symbol i; 0 is the empty one */
    const char *names[OJT_ELF_MAX];
    int n_sections;
    int n_symbols;
    uint16_t machine; /* EM_..., which says the class and the order of bytes, too */
} ojt_elf;

static inline void ojt_elf_init(ojt_elf *elf)
{
    memset(elf, 0, sizeof *elf);
    elf->n_symbols = 1;
    elf->names[0] = "";
    elf->machine = OJT_MACHINE;
}

/* Add a section; returns its index. bytes must outlive the builder. */
static inline uint16_t ojt_elf_add_section(ojt_elf *elf, const char *name, uint64_t flags, uint64_t alignment,
                                           const void *bytes, size_t size)
{
    ojt_elf_section *section = &elf->sections[elf->n_sections++];
    section->name = name;
    section->bytes = bytes;
    section->size = size;
    section->flags = flags;
    section->alignment = alignment;
    section->type = bytes ? SHT_PROGBITS : SHT_NOBITS;
    return (uint16_t)elf->n_sections;
}

static inline uint16_t ojt_elf_add_code(ojt_elf *elf, const void *bytes, size_t size)
{
    return ojt_elf_add_section(elf, ".text", SHF_ALLOC | SHF_EXECINSTR, 16, bytes, size);
}

static inline uint16_t ojt_elf_add_data(ojt_elf *elf, const void *bytes, size_t size)
{
    return ojt_elf_add_section(elf, ".data", SHF_ALLOC | SHF_WRITE, 8, bytes, size);
}

/* Add a symbol; returns its number. Locals must come first. */
static inline uint32_t ojt_elf_add_symbol(ojt_elf *elf, const char *name, uint16_t section, uint64_t value,
                                          uint64_t size, unsigned binding, unsigned type)
{
    Elf64_Sym *symbol = &elf->symbols[elf->n_symbols];
    elf->names[elf->n_symbols] = name;
    symbol->st_shndx = section;
    symbol->st_value = value;
    symbol->st_size = size;
    symbol->st_info = (unsigned char)(binding << 4 | type);
    return (uint32_t)elf->n_symbols++;
}

static inline uint32_t ojt_elf_add_global(ojt_elf *elf, const char *name, uint16_t section, uint64_t value,
                                          uint64_t size)
{
    return ojt_elf_add_symbol(elf, name, section, value, size, STB_GLOBAL,
                              section == SHN_UNDEF ? STT_NOTYPE : STT_FUNC);
}

static inline uint32_t ojt_elf_add_undefined(ojt_elf *elf, const char *name)
{
    return ojt_elf_add_global(elf, name, SHN_UNDEF, 0, 0);
}

static inline void ojt_elf_add_reloc(ojt_elf *elf, uint16_t section, uint64_t offset, uint32_t type, uint32_t symbol,
                                     int64_t addend)
{
    ojt_elf_section *target = &elf->sections[section - 1];
    Elf64_Rela *reloc = &target->relocs[target->n_relocs++];
    reloc->r_offset = offset;
    reloc->r_info = ELF64_R_INFO((uint64_t)symbol, type);
    reloc->r_addend = addend;
}

/* The word at `offset` of a section becomes the address of a symbol. */
static inline void ojt_elf_add_addr(ojt_elf *elf, uint16_t section, uint64_t offset, uint32_t symbol, int64_t addend)
{
    ojt_elf_add_reloc(elf, section, offset, OJT_R_ADDR, symbol, addend);
}

/* ojt_calling_code, which is at `offset` of a section, calls a symbol. */
static inline void ojt_elf_add_call(ojt_elf *elf, uint16_t section, uint64_t offset, uint32_t symbol)
{
    ojt_elf_add_reloc(elf, section, offset + OJT_CALL_FIELD, OJT_R_CALL, symbol, OJT_CALL_ADDEND);
}

/* ojt_loading_code, which is at `offset` of a section and has a symbol of its own, loads a variable. */
static inline void ojt_elf_add_load(ojt_elf *elf, uint16_t section, uint64_t offset, uint32_t own, uint32_t variable)
{
    for (size_t i = 0; i < sizeof ojt_loading_fixups / sizeof *ojt_loading_fixups; i++) {
        const ojt_fixup *fixup = &ojt_loading_fixups[i];
        ojt_elf_add_reloc(elf, section, offset + fixup->offset, fixup->type, fixup->is_of_code ? own : variable,
                          fixup->addend);
    }
}

typedef struct ojt_elf_output {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
} ojt_elf_output;

static inline void ojt_elf_append_behind(ojt_elf_output *output, const void *bytes, size_t size)
{
    if (output->size + size > output->capacity) {
        output->capacity = (output->size + size) * 2 + 4096;
        output->bytes = realloc(output->bytes, output->capacity);
        if (!output->bytes)
            abort();
    }
    if (size > 0)
        memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
}

/* At a multiple of 16, which is returned. */
static inline size_t ojt_elf_append(ojt_elf_output *output, const void *bytes, size_t size)
{
    static const uint8_t zeros[15];
    size_t start;
    ojt_elf_append_behind(output, zeros, -output->size & 15);
    start = output->size;
    ojt_elf_append_behind(output, bytes, size);
    return start;
}

/* A growing string table. */
typedef struct ojt_elf_names {
    char bytes[8192];
    size_t size;
} ojt_elf_names;

static inline uint32_t ojt_elf_name(ojt_elf_names *names, const char *name)
{
    size_t start = names->size, size = strlen(name) + 1;
    if (size == 1)
        return 0;
    if (start + size > sizeof names->bytes)
        abort();
    memcpy(names->bytes + start, name, size);
    names->size += size;
    return (uint32_t)start;
}

/* The fields of one record of the file, written one behind another in the class and the order of bytes of a machine. */
typedef struct ojt_elf_record {
    uint8_t bytes[64];
    size_t size;
    bool is_32;
    bool is_big;
} ojt_elf_record;

static inline ojt_elf_record ojt_elf_record_for(const ojt_elf *elf)
{
    ojt_elf_record record = {.size = 0};
    record.is_32 = elf->machine == EM_386 || elf->machine == EM_ARM;
    record.is_big = elf->machine == EM_S390;
    return record;
}

static inline void ojt_elf_put(ojt_elf_record *record, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        record->bytes[record->size + (record->is_big ? size - 1 - i : i)] = (uint8_t)(value >> 8 * i);
    record->size += size;
}

/* An address, or what is as wide as one. */
static inline void ojt_elf_put_word(ojt_elf_record *record, uint64_t value)
{
    ojt_elf_put(record, value, record->is_32 ? 4 : 8);
}

static inline ojt_elf_record ojt_elf_put_file(const ojt_elf *elf, uint64_t headers_at, uint64_t n_headers)
{
    ojt_elf_record record = ojt_elf_record_for(elf);
    const uint8_t ident[EI_NIDENT] = {ELFMAG0,
                                      ELFMAG1,
                                      ELFMAG2,
                                      ELFMAG3,
                                      record.is_32 ? ELFCLASS32 : ELFCLASS64,
                                      record.is_big ? ELFDATA2MSB : ELFDATA2LSB,
                                      EV_CURRENT};
    memcpy(record.bytes, ident, sizeof ident);
    record.size = sizeof ident;
    ojt_elf_put(&record, ET_REL, 2);
    ojt_elf_put(&record, elf->machine, 2);
    ojt_elf_put(&record, EV_CURRENT, 4);
    ojt_elf_put_word(&record, 0);
    ojt_elf_put_word(&record, 0);
    ojt_elf_put_word(&record, headers_at);
    ojt_elf_put(&record, elf->machine == EM_ARM ? EF_ARM_EABI_VER5 : 0, 4);
    ojt_elf_put(&record, record.is_32 ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr), 2);
    ojt_elf_put(&record, 0, 4);
    ojt_elf_put(&record, record.is_32 ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr), 2);
    ojt_elf_put(&record, n_headers, 2);
    ojt_elf_put(&record, n_headers - 1, 2);
    return record;
}

static inline ojt_elf_record ojt_elf_put_header(const ojt_elf *elf, const Elf64_Shdr *header)
{
    ojt_elf_record record = ojt_elf_record_for(elf);
    ojt_elf_put(&record, header->sh_name, 4);
    ojt_elf_put(&record, header->sh_type, 4);
    ojt_elf_put_word(&record, header->sh_flags);
    ojt_elf_put_word(&record, header->sh_addr);
    ojt_elf_put_word(&record, header->sh_offset);
    ojt_elf_put_word(&record, header->sh_size);
    ojt_elf_put(&record, header->sh_link, 4);
    ojt_elf_put(&record, header->sh_info, 4);
    ojt_elf_put_word(&record, header->sh_addralign);
    ojt_elf_put_word(&record, header->sh_entsize);
    return record;
}

static inline ojt_elf_record ojt_elf_put_symbol(const ojt_elf *elf, const Elf64_Sym *symbol)
{
    ojt_elf_record record = ojt_elf_record_for(elf);
    ojt_elf_put(&record, symbol->st_name, 4);
    for (int i = 0; i < 2; i++) {
        if (record.is_32 == (i == 0)) {
            ojt_elf_put_word(&record, symbol->st_value);
            ojt_elf_put_word(&record, symbol->st_size);
        } else {
            ojt_elf_put(&record, symbol->st_info, 1);
            ojt_elf_put(&record, symbol->st_other, 1);
            ojt_elf_put(&record, symbol->st_shndx, 2);
        }
    }
    return record;
}

static inline ojt_elf_record ojt_elf_put_reloc(const ojt_elf *elf, const Elf64_Rela *reloc)
{
    ojt_elf_record record = ojt_elf_record_for(elf);
    uint64_t symbol = ELF64_R_SYM(reloc->r_info), type = ELF64_R_TYPE(reloc->r_info);
    ojt_elf_put_word(&record, reloc->r_offset);
    ojt_elf_put_word(&record, record.is_32 ? symbol << 8 | type : reloc->r_info);
    ojt_elf_put_word(&record, (uint64_t)reloc->r_addend);
    return record;
}

static inline Elf64_Shdr ojt_elf_table(uint32_t name, uint32_t type, uint64_t offset, uint64_t size, uint32_t link,
                                       uint32_t info)
{
    Elf64_Shdr header = {.sh_name = name,
                         .sh_type = type,
                         .sh_offset = offset,
                         .sh_size = size,
                         .sh_link = link,
                         .sh_info = info,
                         .sh_addralign = 8};
    return header;
}

static inline uint32_t ojt_elf_count_locals(const ojt_elf *elf)
{
    uint32_t n = 1;
    while ((int)n < elf->n_symbols && ELF64_ST_BIND(elf->symbols[n].st_info) == STB_LOCAL)
        n++;
    return n;
}

/* A table of records in the file, whose header is started by the caller. */
static inline void ojt_elf_append_symbols(ojt_elf_output *output, const ojt_elf *elf, Elf64_Shdr *header)
{
    header->sh_offset = ojt_elf_append(output, "", 0);
    for (int i = 0; i < elf->n_symbols; i++) {
        ojt_elf_record record = ojt_elf_put_symbol(elf, &elf->symbols[i]);
        ojt_elf_append_behind(output, record.bytes, record.size);
        header->sh_entsize = record.size;
    }
    header->sh_size = output->size - header->sh_offset;
}

static inline void ojt_elf_append_relocs(ojt_elf_output *output, const ojt_elf *elf, const ojt_elf_section *section,
                                         Elf64_Shdr *header)
{
    header->sh_offset = ojt_elf_append(output, "", 0);
    for (int i = 0; i < section->n_relocs; i++) {
        ojt_elf_record record = ojt_elf_put_reloc(elf, &section->relocs[i]);
        ojt_elf_append_behind(output, record.bytes, record.size);
        header->sh_entsize = record.size;
    }
    header->sh_size = output->size - header->sh_offset;
}

/* Write the file: the header, the sections, their relocations, the symbols, the names, the section headers. Returns
 * malloc()ed bytes. */
static inline uint8_t *ojt_elf_finish(ojt_elf *elf, size_t *size)
{
    Elf64_Shdr headers[2 * OJT_ELF_MAX + 4] = {{0}};
    ojt_elf_names names = {.size = 1}, symbol_names = {.size = 1};
    ojt_elf_output output = {0};
    ojt_elf_record file = ojt_elf_put_file(elf, 0, 1);
    uint32_t n = 1, symbols_index = (uint32_t)elf->n_sections + 1;
    uint64_t headers_at;
    ojt_elf_append(&output, file.bytes, file.size);
    for (int i = 0; i < elf->n_sections; i++, n++) {
        const ojt_elf_section *section = &elf->sections[i];
        headers[n] =
            ojt_elf_table(ojt_elf_name(&names, section->name), section->type, output.size, section->size, 0, 0);
        headers[n].sh_flags = section->flags;
        headers[n].sh_addralign = section->alignment;
        if (section->bytes)
            headers[n].sh_offset = ojt_elf_append(&output, section->bytes, section->size);
    }
    for (int i = 1; i < elf->n_symbols; i++)
        elf->symbols[i].st_name = ojt_elf_name(&symbol_names, elf->names[i]);
    headers[n] = ojt_elf_table(ojt_elf_name(&names, ".symtab"), SHT_SYMTAB, 0, 0, n + 1, ojt_elf_count_locals(elf));
    ojt_elf_append_symbols(&output, elf, &headers[n++]);
    headers[n] = ojt_elf_table(ojt_elf_name(&names, ".strtab"), SHT_STRTAB, 0, symbol_names.size, 0, 0);
    headers[n++].sh_offset = ojt_elf_append(&output, symbol_names.bytes, symbol_names.size);
    for (int i = 0; i < elf->n_sections; i++) {
        if (elf->sections[i].n_relocs == 0)
            continue;
        headers[n] = ojt_elf_table(ojt_elf_name(&names, ".rela"), SHT_RELA, 0, 0, symbols_index, (uint32_t)i + 1);
        ojt_elf_append_relocs(&output, elf, &elf->sections[i], &headers[n++]);
    }
    headers[n] = ojt_elf_table(ojt_elf_name(&names, ".shstrtab"), SHT_STRTAB, 0, 0, 0, 0);
    headers[n].sh_size = names.size;
    headers[n++].sh_offset = ojt_elf_append(&output, names.bytes, names.size);
    headers_at = ojt_elf_append(&output, "", 0);
    for (uint32_t i = 0; i < n; i++) {
        ojt_elf_record record = ojt_elf_put_header(elf, &headers[i]);
        ojt_elf_append_behind(&output, record.bytes, record.size);
    }
    file = ojt_elf_put_file(elf, headers_at, n);
    memcpy(output.bytes, file.bytes, file.size);
    *size = output.size;
    return output.bytes;
}

#endif
