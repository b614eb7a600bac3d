/* Mutations that know ELF64: half of them set one field of a header, section header, symbol or relocation to a value
 * that lies at some edge, the rest are libFuzzer's own. Included once by a target; `prefix` bytes come before the file. */
#ifndef OJT_ELF_MUTATOR_H
#define OJT_ELF_MUTATOR_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static inline uint64_t ojt_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Values that range checks are about. */
static inline uint64_t ojt_edge(uint64_t *state, uint64_t old, uint64_t file_size)
{
    switch (ojt_random(state) % 10) {
    case 0:
        return 0;
    case 1:
        return old + 1;
    case 2:
        return old - 1;
    case 3:
        return UINT64_MAX;
    case 4:
        return file_size;
    case 5:
        return file_size - ojt_random(state) % 32;
    case 6:
        return UINT64_C(1) << ojt_random(state) % 64;
    case 7:
        return old ^ UINT64_C(1) << ojt_random(state) % 64;
    case 8:
        return UINT64_C(0xff00) + ojt_random(state) % 256; /* reserved section indices, processor-specific types */
    default:
        return ojt_random(state) % 48;
    }
}

static inline void ojt_set_field(uint64_t *state, uint8_t *at, unsigned width, uint64_t file_size)
{
    uint64_t value = 0;
    memcpy(&value, at, width);
    value = ojt_edge(state, value, file_size);
    memcpy(at, &value, width);
}

/* Widths of the fields, in order. */
static const uint8_t ojt_header_widths[] = {1, 1, 1, 1, 1, 1, 1, 1, 8, 2, 2, 4, 8, 8, 8, 4, 2, 2, 2, 2, 2, 2, 0};
static const uint8_t ojt_section_widths[] = {4, 4, 8, 8, 8, 8, 4, 4, 8, 8, 0};
static const uint8_t ojt_symbol_widths[] = {4, 1, 1, 2, 8, 8, 0};
static const uint8_t ojt_rela_widths[] = {8, 4, 4, 8, 0}; /* r_info as type and symbol */

static inline void ojt_set_one_of(uint64_t *state, uint8_t *entry, const uint8_t *widths, uint64_t file_size)
{
    uint64_t n = ojt_random(state) % strlen((const char *)widths);
    size_t offset = 0;
    for (uint64_t i = 0; i < n; i++)
        offset += widths[i];
    ojt_set_field(state, entry + offset, widths[n], file_size);
}

/* An entry of a table that a section header describes, where it lies in the file; else the header itself. */
static inline void ojt_mutate_section(uint64_t *state, uint8_t *file, size_t size, uint8_t *header)
{
    Elf64_Shdr section;
    const uint8_t *widths;
    size_t entry_size;
    memcpy(&section, header, sizeof section);
    widths = section.sh_type == SHT_SYMTAB ? ojt_symbol_widths : ojt_rela_widths;
    entry_size = section.sh_type == SHT_SYMTAB ? sizeof(Elf64_Sym) : sizeof(Elf64_Rela);
    if ((section.sh_type != SHT_SYMTAB && section.sh_type != SHT_RELA) || ojt_random(state) % 4 == 0 ||
        section.sh_size < entry_size || section.sh_offset > size || section.sh_size > size - section.sh_offset)
        ojt_set_one_of(state, header, ojt_section_widths, size);
    else
        ojt_set_one_of(state,
                       file + section.sh_offset + ojt_random(state) % (section.sh_size / entry_size) * entry_size,
                       widths, size);
}

static inline void ojt_mutate_elf(uint64_t *state, uint8_t *file, size_t size)
{
    Elf64_Ehdr header;
    if (size < sizeof header)
        return;
    memcpy(&header, file, sizeof header);
    if (ojt_random(state) % 16 == 0 || header.e_shnum == 0 || header.e_shoff > size ||
        size - header.e_shoff < sizeof(Elf64_Shdr) * header.e_shnum) {
        ojt_set_one_of(state, file, ojt_header_widths, size);
        return;
    }
    ojt_mutate_section(state, file, size,
                       file + header.e_shoff + ojt_random(state) % header.e_shnum * sizeof(Elf64_Shdr));
}

static inline size_t ojt_mutate_behind(size_t prefix, uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    if (size <= prefix || ojt_random(&state) % 2)
        return LLVMFuzzerMutate(data, size, max_size);
    for (uint64_t n = ojt_random(&state) % 3 + 1; n > 0; n--)
        ojt_mutate_elf(&state, data + prefix, size - prefix);
    return size;
}

#define OJT_ELF_MUTATOR(prefix)                                                                \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) \
    {                                                                                          \
        return ojt_mutate_behind(prefix, data, size, max_size, seed);                          \
    }

#endif
