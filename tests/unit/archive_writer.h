/* Writes `ar` archives for the tests, in GNU's form. */
#ifndef OJT_ARCHIVE_WRITER_H
#define OJT_ARCHIVE_WRITER_H

#include "elf_writer.h"

typedef struct ojt_ar {
    uint8_t *bytes;
    size_t size;
} ojt_ar;

static inline void ojt_ar_append(ojt_ar *ar, const void *data, size_t size)
{
    ar->bytes = (uint8_t *)ojt_grow(ar->bytes, ar->size + size);
    ojt_copy(ar->bytes + ar->size, data, size);
    ar->size += size;
}

static inline void ojt_ar_start(ojt_ar *ar, const char *magic)
{
    memset(ar, 0, sizeof *ar);
    ojt_ar_append(ar, magic, 8);
}

/* Append a member's header only; size is what it says. Returns the header's offset. */
static inline size_t ojt_ar_header(ojt_ar *ar, const char *name, uint64_t size)
{
    char header[80];
    size_t offset;
    if (ar->size & 1)
        ojt_ar_append(ar, "\n", 1);
    offset = ar->size;
    snprintf(header, sizeof header, "%-16s%-12d%-6d%-6d%-8o%-10llu`\n", name, 0, 0, 0, 0644, (unsigned long long)size);
    ojt_ar_append(ar, header, 60);
    return offset;
}

static inline size_t ojt_ar_member(ojt_ar *ar, const char *name, const void *data, size_t size)
{
    size_t offset = ojt_ar_header(ar, name, size);
    ojt_ar_append(ar, data, size);
    return offset;
}

/* Append a symbol index whose numbers have word_size bytes; each name's member offset is added by `base`. */
static inline void ojt_ar_index(ojt_ar *ar, uint32_t word_size, const char *const *names, const size_t *offsets,
                                size_t n, size_t base)
{
    size_t size = word_size * (n + 1);
    for (size_t i = 0; i < n; i++)
        size += strlen(names[i]) + 1;
    ojt_ar_header(ar, word_size == 4 ? "/" : "/SYM64/", size);
    for (size_t i = 0; i <= n; i++) {
        uint64_t value = i == 0 ? n : offsets[i - 1] + base;
        for (uint32_t k = 0; k < word_size; k++) {
            uint8_t byte = (uint8_t)(value >> (8 * (word_size - 1 - k)));
            ojt_ar_append(ar, &byte, 1);
        }
    }
    for (size_t i = 0; i < n; i++)
        ojt_ar_append(ar, names[i], strlen(names[i]) + 1);
}

/* An object that defines one function of this name, and calls undefined `g`. */
static inline void ojt_make_named(ojt_elf *elf, const char *function)
{
    static const uint8_t code[8] = {0xe9, 0, 0, 0, 0, 0xcc, 0xcc, 0xcc};
    uint32_t text, table, g;
    ojt_start(elf);
    text = ojt_add_section(elf, ".text", ELF_SHT_PROGBITS, ELF_SHF_ALLOC | ELF_SHF_EXECINSTR, code, sizeof code);
    ojt_add_symbol(elf, function, ELF_STB_GLOBAL, ELF_STT_FUNC, text, 0, 5);
    g = ojt_add_symbol(elf, "g", ELF_STB_GLOBAL, ELF_STT_NOTYPE, ELF_SHN_UNDEF, 0, 0);
    table = ojt_add_table(elf, ".rela.text", text);
    ojt_add_reloc(elf, table, 1, 4, g, -4);
    ojt_finish(elf);
}

/* An archive of two members: "one.o" defines `one`, and a member with a long name defines `two` and `alias`, which is
 * only in the index. Members in the order of the index. */
static inline void ojt_ar_make(ojt_ar *ar, uint32_t word_size)
{
    static const char *const names[] = {"one", "two", "alias"};
    static const char long_names[] = "a_member_with_a_long_name.o/\n";
    size_t offsets[3] = {0, 0, 0};
    ojt_elf one, two;
    ojt_ar probe;
    size_t base;
    ojt_make_named(&one, "one");
    ojt_make_named(&two, "two");
    /* The offsets depend on the index's size, which does not depend on them. */
    ojt_ar_start(&probe, "!<arch>\n");
    ojt_ar_index(&probe, word_size, names, offsets, 3, 0);
    ojt_ar_member(&probe, "//", long_names, sizeof long_names - 1);
    base = (probe.size + 1) & ~(size_t)1;
    offsets[0] = base;
    offsets[1] = offsets[2] = base + 60 + ((one.size + 1) & ~(size_t)1);
    free(probe.bytes);
    ojt_ar_start(ar, "!<arch>\n");
    ojt_ar_index(ar, word_size, names, offsets, 3, 0);
    ojt_ar_member(ar, "//", long_names, sizeof long_names - 1);
    ojt_ar_member(ar, "one.o/", one.bytes, one.size);
    ojt_ar_member(ar, "/0", two.bytes, two.size);
    ojt_free(&one);
    ojt_free(&two);
}

#endif
