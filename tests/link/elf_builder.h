/* A small writer of ELF64 relocatable files for x86-64, so that tests make objects, odd ones too, in memory and with no
 * process. Nothing is checked: it writes what it is told. */
#ifndef OJT_ELF_BUILDER_H
#define OJT_ELF_BUILDER_H

#include <elf.h>
#include <stdint.h>
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
} ojt_elf;

static inline void ojt_elf_init(ojt_elf *elf)
{
    memset(elf, 0, sizeof *elf);
    elf->n_symbols = 1;
    elf->names[0] = "";
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

typedef struct ojt_elf_output {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
} ojt_elf_output;

static inline size_t ojt_elf_append(ojt_elf_output *output, const void *bytes, size_t size)
{
    size_t start = (output->size + 15) & ~(size_t)15;
    if (start + size > output->capacity) {
        output->capacity = (start + size) * 2 + 4096;
        output->bytes = realloc(output->bytes, output->capacity);
        if (!output->bytes)
            abort();
    }
    memset(output->bytes + output->size, 0, start - output->size);
    if (size > 0)
        memcpy(output->bytes + start, bytes, size);
    output->size = start + size;
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

static inline Elf64_Shdr ojt_elf_table(uint32_t name, uint32_t type, uint64_t offset, uint64_t size, uint32_t link,
                                       uint32_t info, uint64_t entry_size)
{
    Elf64_Shdr header = {.sh_name = name,
                         .sh_type = type,
                         .sh_offset = offset,
                         .sh_size = size,
                         .sh_link = link,
                         .sh_info = info,
                         .sh_addralign = 8,
                         .sh_entsize = entry_size};
    return header;
}

static inline uint32_t ojt_elf_count_locals(const ojt_elf *elf)
{
    uint32_t n = 1;
    while ((int)n < elf->n_symbols && ELF64_ST_BIND(elf->symbols[n].st_info) == STB_LOCAL)
        n++;
    return n;
}

/* Write the file: the header, the sections, their relocations, the symbols, the names, the section headers. Returns
 * malloc()ed bytes. */
static inline uint8_t *ojt_elf_finish(ojt_elf *elf, size_t *size)
{
    Elf64_Shdr headers[2 * OJT_ELF_MAX + 4] = {{0}};
    ojt_elf_names names = {.size = 1}, symbol_names = {.size = 1};
    ojt_elf_output output = {0};
    Elf64_Ehdr file = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                       .e_type = ET_REL,
                       .e_machine = EM_X86_64,
                       .e_version = EV_CURRENT,
                       .e_ehsize = sizeof file,
                       .e_shentsize = sizeof headers[0]};
    uint32_t n = 1, symbols_index = (uint32_t)elf->n_sections + 1;
    ojt_elf_append(&output, &file, sizeof file);
    for (int i = 0; i < elf->n_sections; i++, n++) {
        const ojt_elf_section *section = &elf->sections[i];
        headers[n] =
            ojt_elf_table(ojt_elf_name(&names, section->name), section->type, output.size, section->size, 0, 0, 0);
        headers[n].sh_flags = section->flags;
        headers[n].sh_addralign = section->alignment;
        if (section->bytes)
            headers[n].sh_offset = ojt_elf_append(&output, section->bytes, section->size);
    }
    for (int i = 1; i < elf->n_symbols; i++)
        elf->symbols[i].st_name = ojt_elf_name(&symbol_names, elf->names[i]);
    headers[n] =
        ojt_elf_table(ojt_elf_name(&names, ".symtab"), SHT_SYMTAB, 0, (uint64_t)elf->n_symbols * sizeof elf->symbols[0],
                      n + 1, ojt_elf_count_locals(elf), sizeof elf->symbols[0]);
    headers[n].sh_offset = ojt_elf_append(&output, elf->symbols, headers[n].sh_size);
    n++;
    headers[n] = ojt_elf_table(ojt_elf_name(&names, ".strtab"), SHT_STRTAB, 0, symbol_names.size, 0, 0, 0);
    headers[n].sh_offset = ojt_elf_append(&output, symbol_names.bytes, symbol_names.size);
    n++;
    for (int i = 0; i < elf->n_sections; i++) {
        const ojt_elf_section *section = &elf->sections[i];
        if (section->n_relocs == 0)
            continue;
        headers[n] = ojt_elf_table(ojt_elf_name(&names, ".rela"), SHT_RELA, 0,
                                   (uint64_t)section->n_relocs * sizeof section->relocs[0], symbols_index,
                                   (uint32_t)i + 1, sizeof section->relocs[0]);
        headers[n].sh_offset = ojt_elf_append(&output, section->relocs, headers[n].sh_size);
        n++;
    }
    headers[n] = ojt_elf_table(ojt_elf_name(&names, ".shstrtab"), SHT_STRTAB, 0, 0, 0, 0, 0);
    headers[n].sh_size = names.size;
    headers[n].sh_offset = ojt_elf_append(&output, names.bytes, names.size);
    file.e_shstrndx = (uint16_t)n++;
    file.e_shnum = (uint16_t)n;
    file.e_shoff = ojt_elf_append(&output, headers, n * sizeof headers[0]);
    memcpy(output.bytes, &file, sizeof file);
    *size = output.size;
    return output.bytes;
}

#endif
