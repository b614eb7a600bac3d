/* The owned result. The linker fills a builder and finishes it with a call that cannot fail. */
#ifndef OJI_CODE_H
#define OJI_CODE_H

#include "base/base.h"

#include <ownjit/code.h>

/* A kept symbol: 16 bytes. Ordered by the low 32 bits of the name's hash. */
typedef struct oji_code_symbol {
    uint64_t addr;
    uint32_t size;     /* bytes; UINT32_MAX where it is that or more */
    uint32_t name_off; /* bytes from the start of the names */
} oji_code_symbol;

/* A segment as the code keeps it: 24 bytes. */
typedef struct oji_code_segment {
    void *write;
    uint64_t run_addr;
    uint32_t size;          /* below 2 GiB */
    uint8_t kind;
    uint8_t alignment_log2;
    uint8_t lifetime;
    uint8_t flags;
} oji_code_segment;

/* One heap block: this, then segments, symbols, names. */
struct oj_code {
    oj_allocator allocator;
    const oj_memory *memory;
    void *token;
    uint32_t heap_size; /* of the block */
    uint32_t n_symbols;
    uint32_t n_segments;
    uint32_t names_size;
};

/* Allocate a code with room for these; everything zero. NULL where memory ends or a bound is exceeded. */
oj_code *oji_code_allocate(const oj_allocator *allocator, uint64_t n_segments, uint64_t n_symbols,
                           uint64_t names_size);
oji_code_segment *oji_code_segments(const oj_code *code);
oji_code_symbol *oji_code_symbols(const oj_code *code);
char *oji_code_names(const oj_code *code);
/* Put the symbols into lookup order. `hashes` has one for each symbol and is reordered with them. Needs no memory. */
void oji_code_sort_symbols(oj_code *code, uint32_t *hashes);
/* Free the handle only: memory and registrations are not touched. */
void oji_code_free(oj_code *code);

/* Write the segments of a code into an array of the public form. */
void oji_code_export_segments(const oj_code *code, oj_segment *segments);

/* Find a kept symbol by name. */
bool oji_code_find(const oj_code *code, const char *name, size_t name_size, uint64_t *addr);

#endif
