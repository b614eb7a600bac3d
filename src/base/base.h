/* What every part stands on: errors, checked arithmetic, bounded reading, heap, name hashing. Knows nobody. */
#ifndef OJI_BASE_H
#define OJI_BASE_H

#include <ownjit/base.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(OJ_STRESS) || defined(OJI_CHECKS)
#include <assert.h>
#define OJI_ASSERT(condition) assert(condition)
#else
#define OJI_ASSERT(condition) ((void)0)
#endif

#define OJI_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define OJI_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define OJI_TRY(expression)                  \
    do {                                     \
        oj_status oji_try_ = (expression);   \
        if (OJI_UNLIKELY(oji_try_ != OJ_OK)) \
            return oji_try_;                 \
    } while (0)

#define OJI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- errors ------------------------------------------------------------------------------------------------------- */

/* What only failures call. Compilers put the branches that lead there out of the way of the others: a link after
 * something else has used the caches waits for the code that it runs, and for no more than that. */
#define OJI_FAILURE __attribute__((cold))

/* Where something failed. Any member may be NULL; offset is UINT64_MAX where there is none. */
typedef struct oji_place {
    const char *object;
    const char *section;
    const char *relocation;
    const char *symbol;
    uint64_t offset;
} oji_place;

/* Fill *error (may be NULL) and return status. The one place where errors are made: break here. */
oj_status oji_fail_at(oj_error *error, oj_status status, const oji_place *place, const char *format, ...) OJI_FAILURE
    __attribute__((format(printf, 4, 5)));

/* The same without a place. */
oj_status oji_fail(oj_error *error, oj_status status, const char *format, ...) OJI_FAILURE
    __attribute__((format(printf, 3, 4)));

/* The same for a system call: appends ": " and the text of system_error, and stores the number. */
oj_status oji_fail_system(oj_error *error, oj_status status, int system_error, const char *format, ...) OJI_FAILURE
    __attribute__((format(printf, 4, 5)));

/* Fill *error for OJ_E_NOMEM: `size` bytes for `what` could not be had. */
oj_status oji_fail_nomem(oj_error *error, uint64_t size, const char *what) OJI_FAILURE;

/* Name the input in a failure that names none yet. */
void oji_name_object(oj_error *error, const char *object) OJI_FAILURE;

/* Mark *error (may be NULL) as success and return OJ_OK. Writes status and text only. */
oj_status oji_succeed(oj_error *error);

/* Empty *error (may be NULL) before a client's callback is given it. */
void oji_clear_error(oj_error *error);

/* Return a callback's failure: its own text is kept, and made up for where it gave none. A number that is no status
 * becomes OJ_E_CALLBACK. */
oj_status oji_fail_callback(oj_error *error, oj_status status, const char *callback) OJI_FAILURE;

/* Copy `text` into a fixed buffer, cut with "..." where it does not fit; NULL counts as "". */
void oji_copy_text(char *buffer, size_t capacity, const char *text);

/* --- structs that a client fills ---------------------------------------------------------------------------------- */

/* Copy a client's struct of `*given` bytes (its own struct_size) into one of ours, zero-filling what it does not know.
 * given NULL: `ours` is zeroed. Errors: OJ_E_MISUSE (struct_size too small to be one), OJ_E_VERSION (longer than ours
 * with a non-zero tail). `minimum` is the size of the first released version. */
oj_status oji_import(void *ours, size_t our_size, size_t minimum, const void *given, const char *name, oj_error *error);

/* Every OJ_LINK_ flag: they are taken by structs of folders that do not know the linker. ORDER LINK_FLAGS */
#define OJI_LINK_FLAGS 0x3fffu

/* OJ_E_VERSION where `flags` has a bit outside `known`; name is the field's, "oj_link_options.flags". */
oj_status oji_check_flags(uint32_t flags, uint32_t known, const char *name, oj_error *error);

/* Copy one of our structs out to a client that knows out_size bytes of it; what we do not know is zeroed. */
void oji_export(void *out, size_t out_size, const void *ours, size_t our_size);

/* --- checked arithmetic: false (and *sum untouched) on overflow --------------------------------------------------- */

static inline bool oji_add(uint64_t a, uint64_t b, uint64_t *sum)
{
    uint64_t result;
    if (__builtin_add_overflow(a, b, &result))
        return false;
    *sum = result;
    return true;
}

static inline bool oji_mul(uint64_t a, uint64_t b, uint64_t *product)
{
    uint64_t result;
    if (__builtin_mul_overflow(a, b, &result))
        return false;
    *product = result;
    return true;
}

static inline bool oji_is_power_of_two(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

/* Round up to a multiple of a power of two; false on overflow. */
static inline bool oji_align_up(uint64_t value, uint64_t alignment, uint64_t *result)
{
    uint64_t sum;
    if (!oji_add(value, alignment - 1, &sum))
        return false;
    *result = sum & ~(alignment - 1);
    return true;
}

/* --- bounded reading ---------------------------------------------------------------------------------------------- */

typedef struct oji_bytes {
    const uint8_t *data;
    uint64_t size;
} oji_bytes;

/* Is [offset, offset + size) inside? */
static inline bool oji_bytes_contain(oji_bytes bytes, uint64_t offset, uint64_t size)
{
    return offset <= bytes.size && size <= bytes.size - offset;
}

/* Little-endian loads and stores at any alignment; the caller has checked the range. */
static inline uint16_t oji_load16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t oji_load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t oji_load64(const uint8_t *p) { return oji_load32(p) | (uint64_t)oji_load32(p + 4) << 32; }
static inline uint32_t oji_load32be(const uint8_t *p)
{
    return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}
static inline uint64_t oji_load64be(const uint8_t *p) { return oji_load32be(p + 4) | (uint64_t)oji_load32be(p) << 32; }
static inline uint16_t oji_load16be(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline void oji_store16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline void oji_store32(uint8_t *p, uint32_t v)
{
    oji_store16(p, (uint16_t)v);
    oji_store16(p + 2, (uint16_t)(v >> 16));
}
static inline void oji_store64(uint8_t *p, uint64_t v)
{
    oji_store32(p, (uint32_t)v);
    oji_store32(p + 4, (uint32_t)(v >> 32));
}
static inline void oji_store16be(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void oji_store32be(uint8_t *p, uint32_t v)
{
    oji_store16be(p, (uint16_t)(v >> 16));
    oji_store16be(p + 2, (uint16_t)v);
}
static inline void oji_store64be(uint8_t *p, uint64_t v)
{
    oji_store32be(p, (uint32_t)(v >> 32));
    oji_store32be(p + 4, (uint32_t)v);
}

/* The same in the order of the machine that this runs on: for what its own unwinder, debugger or code reads. */
#define OJI_HOST_IS_BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
static inline uint16_t oji_load16_host(const uint8_t *p) { return OJI_HOST_IS_BIG ? oji_load16be(p) : oji_load16(p); }
static inline uint32_t oji_load32_host(const uint8_t *p) { return OJI_HOST_IS_BIG ? oji_load32be(p) : oji_load32(p); }
static inline uint64_t oji_load64_host(const uint8_t *p) { return OJI_HOST_IS_BIG ? oji_load64be(p) : oji_load64(p); }
static inline void oji_store16_host(uint8_t *p, uint16_t v)
{
    if (OJI_HOST_IS_BIG)
        oji_store16be(p, v);
    else
        oji_store16(p, v);
}
static inline void oji_store32_host(uint8_t *p, uint32_t v)
{
    if (OJI_HOST_IS_BIG)
        oji_store32be(p, v);
    else
        oji_store32(p, v);
}
static inline void oji_store64_host(uint8_t *p, uint64_t v)
{
    if (OJI_HOST_IS_BIG)
        oji_store64be(p, v);
    else
        oji_store64(p, v);
}

/* Store bytes that lie in one aligned word of 8 bytes by one store of that word, though other threads may store others
 * of its bytes the same way. Reads and writes the whole word. */
void oji_store_in_word(uint8_t *where, const void *bytes, uint64_t size);
/* Load bytes that lie in one aligned word of 8 bytes by one load of that word. */
void oji_load_in_word(const uint8_t *where, void *bytes, uint64_t size);

/* --- heap --------------------------------------------------------------------------------------------------------- */

/* Fill *ours from a client's table, or with malloc where it is NULL. */
oj_status oji_allocator_import(oj_allocator *ours, const oj_allocator *given, oj_error *error);

/* size 0 gives a valid pointer that must be released with size 0. */
void *oji_allocate(const oj_allocator *allocator, uint64_t size);
void *oji_allocate_zeroed(const oj_allocator *allocator, uint64_t size);
/* NULL does nothing. */
void oji_release(const oj_allocator *allocator, void *pointer, uint64_t size);

/* Scratch memory that is freed at once. Starts in a caller's buffer, on the stack: small work then needs no heap. */
typedef struct oji_arena_block oji_arena_block;
typedef struct oji_arena {
    const oj_allocator *allocator;
    uint8_t *next;
    uint8_t *end;
    oji_arena_block *blocks;
} oji_arena;

void oji_arena_init(oji_arena *arena, const oj_allocator *allocator, void *buffer, size_t size);
/* n * size bytes, zeroed, aligned for any object; NULL only where memory ends or the product overflows. */
void *oji_arena_array(oji_arena *arena, uint64_t n, uint64_t size);
/* The same, not zeroed, where the current block may have no room: the rest of oji_arena_raw(). */
void *oji_arena_extend(oji_arena *arena, uint64_t n, uint64_t size);
/* An array of n elements that has more room from then on, for one more at least; false where memory ends. */
bool oji_arena_enlarge(oji_arena *arena, void **array, uint32_t n, uint32_t *capacity, uint64_t size);
void oji_arena_free(oji_arena *arena);

#define OJI_ARENA_ALIGNMENT _Alignof(max_align_t)

/* As oji_arena_array(), not zeroed: for what is written before it is read. A total of 0 wraps: it is not the common
 * case. */
static inline void *oji_arena_raw(oji_arena *arena, uint64_t n, uint64_t size)
{
    const uint64_t left = (uint64_t)(arena->end - arena->next);
    uint64_t total;
    if (OJI_LIKELY(oji_mul(n, size, &total) && total - 1 < left)) {
        uint64_t taken = (total + OJI_ARENA_ALIGNMENT - 1) & ~(uint64_t)(OJI_ARENA_ALIGNMENT - 1);
        if (OJI_LIKELY(taken <= left)) {
            void *result = arena->next;
            arena->next += taken;
            return result;
        }
    }
    return oji_arena_extend(arena, n, size);
}

/* Make room for one more element after the n that *array holds, which there mostly is; false where memory ends. */
static inline bool oji_arena_grow(oji_arena *arena, void **array, uint32_t n, uint32_t *capacity, uint64_t size)
{
    return OJI_LIKELY(n < *capacity) || oji_arena_enlarge(arena, array, n, capacity, size);
}

/* --- names -------------------------------------------------------------------------------------------------------- */

/* Hash of a name, seeded once per process so that hostile names cannot be made to collide. */
uint64_t oji_hash(const char *name, size_t length);

/* Open-addressing table from a name's hash to a 32-bit index; the names themselves stay with the caller. */
typedef struct oji_table {
    struct oji_table_slot *slots;
    uint32_t mask; /* slot count - 1 */
    uint32_t n_used;
} oji_table;

#define OJI_TABLE_NONE UINT32_MAX

/* Room for `n` entries in the arena, all empty. */
bool oji_table_init(oji_table *table, oji_arena *arena, uint64_t n);

/* Walk the entries of one hash: start with *cursor = 0; returns an index to compare, or OJI_TABLE_NONE at the end. */
uint32_t oji_table_next(const oji_table *table, uint64_t hash, uint32_t *cursor);
/* Add an index under a hash; there must be room. */
void oji_table_add(oji_table *table, uint64_t hash, uint32_t index);

/* Now, nanoseconds of CLOCK_MONOTONIC. */
uint64_t oji_now(void);

#endif
