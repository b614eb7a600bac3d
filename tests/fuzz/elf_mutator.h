/* Mutations that know ELF of both classes and byte orders: half of them set one field of a header, section header,
 * symbol or relocation to a value that lies at some edge, the rest are libFuzzer's own. Included once by a target;
 * `prefix` bytes come before the file. */
#ifndef OJT_ELF_MUTATOR_H
#define OJT_ELF_MUTATOR_H

#include <elf.h>
#include <stdbool.h>
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

/* Widths of an entry's fields in bytes, in order; 0 ends them. r_info is a type and a symbol where it can be cut. */
typedef struct ojt_layout {
    uint8_t header[24];
    uint8_t section[11];
    uint8_t symbol[7];
    uint8_t rel[5];
    uint8_t rela[5];
} ojt_layout;

static const ojt_layout ojt_layouts[2] = {
    {{1, 1, 1, 1, 1, 1, 1, 1, 8, 2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2},
     {4, 4, 4, 4, 4, 4, 4, 4, 4, 4},
     {4, 4, 4, 1, 1, 2},
     {4, 1, 3},
     {4, 1, 3, 4}},
    {{1, 1, 1, 1, 1, 1, 1, 1, 8, 2, 2, 4, 8, 8, 8, 4, 2, 2, 2, 2, 2, 2},
     {4, 4, 8, 8, 8, 8, 4, 4, 8, 8},
     {4, 1, 1, 2, 8, 8},
     {8, 4, 4},
     {8, 4, 4, 8}},
};

/* Fields by their number in the layout. */
enum { OJT_E_SHOFF = 13, OJT_E_SHNUM = 20, OJT_SH_TYPE = 1, OJT_SH_OFFSET = 4, OJT_SH_SIZE = 5 };

typedef struct ojt_file {
    uint8_t *bytes;
    size_t size;
    const ojt_layout *layout;
    bool is_big;
} ojt_file;

static inline uint64_t ojt_load(const ojt_file *file, const uint8_t *at, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)at[file->is_big ? width - 1 - i : i] << 8 * i;
    return value;
}

static inline void ojt_store(const ojt_file *file, uint8_t *at, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++)
        at[file->is_big ? width - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

static inline size_t ojt_offset_of(const uint8_t *widths, uint64_t field)
{
    size_t offset = 0;
    for (uint64_t i = 0; i < field; i++)
        offset += widths[i];
    return offset;
}

static inline size_t ojt_size_of(const uint8_t *widths) { return ojt_offset_of(widths, strlen((const char *)widths)); }

static inline uint64_t ojt_field(const ojt_file *file, const uint8_t *entry, const uint8_t *widths, uint64_t field)
{
    return ojt_load(file, entry + ojt_offset_of(widths, field), widths[field]);
}

static inline void ojt_set_one_of(uint64_t *state, const ojt_file *file, uint8_t *entry, const uint8_t *widths)
{
    uint64_t n = ojt_random(state) % strlen((const char *)widths);
    uint8_t *at = entry + ojt_offset_of(widths, n);
    ojt_store(file, at, widths[n], ojt_edge(state, ojt_load(file, at, widths[n]), file->size));
}

static inline const uint8_t *ojt_widths_of_type(const ojt_layout *layout, uint64_t type)
{
    return type == SHT_SYMTAB ? layout->symbol : type == SHT_RELA ? layout->rela : type == SHT_REL ? layout->rel : NULL;
}

/* An entry of a table that a section header describes, where it lies in the file; else the header itself. */
static inline void ojt_mutate_section(uint64_t *state, const ojt_file *file, uint8_t *header)
{
    const uint8_t *own = file->layout->section;
    const uint8_t *widths = ojt_widths_of_type(file->layout, ojt_field(file, header, own, OJT_SH_TYPE));
    uint64_t offset = ojt_field(file, header, own, OJT_SH_OFFSET), size = ojt_field(file, header, own, OJT_SH_SIZE);
    size_t entry_size = widths ? ojt_size_of(widths) : 0;
    if (!widths || ojt_random(state) % 4 == 0 || size < entry_size || offset > file->size || size > file->size - offset)
        ojt_set_one_of(state, file, header, own);
    else
        ojt_set_one_of(state, file, file->bytes + offset + ojt_random(state) % (size / entry_size) * entry_size,
                       widths);
}

static inline void ojt_mutate_elf(uint64_t *state, uint8_t *bytes, size_t size)
{
    ojt_file file = {bytes, size, NULL, false};
    uint64_t headers_off, n_headers;
    size_t header_size;
    if (size < sizeof(Elf64_Ehdr))
        return;
    file.layout = &ojt_layouts[bytes[EI_CLASS] == ELFCLASS64];
    file.is_big = bytes[EI_DATA] == ELFDATA2MSB;
    headers_off = ojt_field(&file, bytes, file.layout->header, OJT_E_SHOFF);
    n_headers = ojt_field(&file, bytes, file.layout->header, OJT_E_SHNUM);
    header_size = ojt_size_of(file.layout->section);
    if (ojt_random(state) % 16 == 0 || n_headers == 0 || headers_off > size ||
        size - headers_off < header_size * n_headers) {
        ojt_set_one_of(state, &file, bytes, file.layout->header);
        return;
    }
    ojt_mutate_section(state, &file, bytes + headers_off + ojt_random(state) % n_headers * header_size);
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
