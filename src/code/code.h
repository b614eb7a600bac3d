/* The owned result. The linker allocates it before it asks for memory, fills it, and hands it out. */
#ifndef OJI_CODE_H
#define OJI_CODE_H

#include "base/base.h"

#include <ownjit/code.h>
#include <ownjit/stackmap.h>

/* Up to this many segments are handed to release() from the stack; a code with more brings the room along, because
 * destroying must not need memory. */
#define OJI_CODE_STACK_SEGMENTS 8u

#define OJI_CODE_MAX_SYMBOL_SIZE INT32_MAX

/* A kept symbol: 16 bytes. Symbols are in ascending order of oji_code_hash() of their names. */
typedef struct oji_code_symbol {
    uint64_t addr;
    uint32_t size : 31;  /* bytes; OJI_CODE_MAX_SYMBOL_SIZE where it is that or more */
    uint32_t is_tls : 1; /* addr is an offset in the code's thread-local block */
    uint32_t name_off;   /* bytes from the start of the names */
} oji_code_symbol;

/* A segment as the code keeps it: 24 bytes. */
typedef struct oji_code_segment {
    void *write; /* as the provider answered: release() is told it again */
    uint64_t run_addr;
    uint32_t size; /* bytes, below 2 GiB */
    uint8_t kind;
    uint8_t alignment_log2;
    uint8_t lifetime;
    uint8_t flags;
} oji_code_segment;

/* One heap block: this, then segments, records, stack maps' ranges, symbols, names, and room for the public form of
 * many segments. */
struct oj_code {
    oj_allocator allocator;
    const oj_memory *memory; /* NULL where the client chose the addresses: nothing is given back */
    void *token;
    uint32_t heap_size; /* bytes of the block */
    uint32_t n_symbols;
    uint32_t n_segments;
    uint32_t names_size;
    uint32_t n_stackmaps;
    uint32_t n_records; /* made: a link adds one as soon as it has registered something */
    uint32_t records_capacity;
    uint8_t arch;    /* oji_arch_id */
    bool is_foreign; /* of an architecture that this process does not run */
    bool has_arrays;
    bool is_counted; /* oji_unwind_enter_code() */
};

/* Arrays of functions that are run before and after all others. Code that was placed by hand has them too where there
 * are only destructors that it registers by itself. */
typedef struct oji_code_arrays {
    uint64_t handle_addr; /* what the code's destructors are registered under */
    uint64_t init_addr;
    uint64_t fini_addr; /* ends in a word of OJI_CODE_FINI_END_BYTE; 0 = none */
    uint32_t n_init;
    bool is_constructed;
} oji_code_arrays;

/* Every byte of the word that ends the array of what is run at the end, in any byte order: no function's address. */
#define OJI_CODE_FINI_END_BYTE 0xf7

/* How much room a code needs. */
typedef struct oji_code_room {
    uint64_t n_segments;
    uint64_t n_records;
    uint64_t n_stackmaps;
    bool has_arrays;
    uint64_t n_symbols;
    uint64_t names_size; /* bytes, zeros included */
} oji_code_room;

/* Allocate a code with this much room, all zero. NULL where memory ends or a bound is exceeded. */
oj_code *oji_code_allocate(const oj_allocator *allocator, const oji_code_room *room);

static inline oji_code_segment *oji_code_segments(const oj_code *code)
{
    return (oji_code_segment *)(uintptr_t)(code + 1);
}
static inline oj_record *oji_code_records(const oj_code *code)
{
    return (oj_record *)(void *)(oji_code_segments(code) + code->n_segments);
}
/* Where stack maps lie, of each linked object that has some. */
static inline oj_stackmap_range *oji_code_stackmaps(const oj_code *code)
{
    return (oj_stackmap_range *)(void *)(oji_code_records(code) + code->records_capacity);
}
/* NULL where it has none. */
static inline oji_code_arrays *oji_code_arrays_of(const oj_code *code)
{
    return code->has_arrays ? (oji_code_arrays *)(void *)(oji_code_stackmaps(code) + code->n_stackmaps) : NULL;
}
static inline oji_code_symbol *oji_code_symbols(const oj_code *code)
{
    oji_code_arrays *end = (oji_code_arrays *)(void *)(oji_code_stackmaps(code) + code->n_stackmaps);
    return (oji_code_symbol *)(void *)(end + code->has_arrays);
}
static inline char *oji_code_names(const oj_code *code) { return (char *)(oji_code_symbols(code) + code->n_symbols); }

/* Free the handle only: memory and registrations are not touched. NULL does nothing. */
void oji_code_free(oj_code *code);

/* The order of symbols. */
static inline uint32_t oji_code_hash(const char *name, size_t name_size) { return (uint32_t)oji_hash(name, name_size); }

/* Write the public form of the code's segments, and of the placement they make up. */
void oji_code_export_placement(const oj_code *code, oj_placement *placement, oj_segment *segments);

/* Find a kept symbol by name; NULL where there is none. */
const oji_code_symbol *oji_code_find_symbol(const oj_code *code, const char *name, size_t name_size);
/* Its address, of a thread-local variable the calling thread's. */
bool oji_code_find(const oj_code *code, const char *name, size_t name_size, uint64_t *addr);

/* Addresses of code. */
typedef struct oji_unwind_range {
    uint64_t addr;
    uint64_t size;  /* bytes */
    bool is_shared; /* OJ_SEGMENT_SHARED: no others' code lies in its stretches */
} oji_unwind_range;

/* records.c: what is registered outside a code for its sake. Each kind's registry makes its records, knows them again,
 * and undoes them; undoing needs no memory and cannot fail. */
typedef struct oji_registry {
    const char *name; /* for messages */
    /* A record that a client hands back is input: is this one that the registry made and has not undone? */
    bool (*is_known)(const oj_record *record);
    void (*undo)(const oj_record *record);
} oji_registry;

/* Of OJ_RECORD_UNWIND: unwind.c. */
extern const oji_registry oji_unwind_registry;
extern const oji_registry oji_tls_registry, oji_tls_exit_registry; /* tls.c */

/* Undo records in the reverse order of their making. */
void oji_records_undo(const oj_record *records, size_t n_records);
/* Undo only what runs code: the rest is still there for it. */
void oji_records_run_destructors(const oj_record *records, size_t n_records);
/* Refuse what is no record of this library's, before any is undone. */
oj_status oji_records_check(const oj_taken *taken, oj_error *error);

/* constructors.c: see oj_code_construct(). The code must be this process's to run. */
oj_status oji_code_construct(oj_code *code, oj_error *error);
extern const oji_registry oji_code_finalizers;
/* Is the record about destructors of code that lies in what was taken over? */
bool oji_code_is_own_handle(const oj_taken *taken, const oj_record *record);

/* Copy a client's memory table, members it does not know of being NULL. */
oj_status oji_code_import_memory(oj_memory *ours, const oj_memory *given, oj_error *error);

#endif
