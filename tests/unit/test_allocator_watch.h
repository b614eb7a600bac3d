/* Watches malloc and its kin for the whole process: the program's own definitions count who calls while the watch is
 * on. The library is linked into the program, so that a call from the program's text is the library's (a test takes no
 * heap while it watches), and any other is libc's or LLVM's. The heap that handles are given is not malloc, so not
 * counted.
 *
 * A sanitizer has its own malloc: then nothing is watched, and the tests only check that all is given back. */
#ifndef OJT_ALLOCATOR_WATCH_H
#define OJT_ALLOCATOR_WATCH_H

#include "support/test.h"

#include <ownjit/base.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OJT_WATCHES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define OJT_WATCHES 0
#endif
#endif
#ifndef OJT_WATCHES
#define OJT_WATCHES 1
#endif

static atomic_bool ojt_is_watching;
static atomic_size_t ojt_n_by_program, ojt_n_by_others; /* calls that allocate, by caller */
static atomic_size_t ojt_n_freed;                       /* calls that free, by anyone */
static _Atomic(void *) ojt_last_caller;                 /* in the program */

#if OJT_WATCHES
/* glibc's own entries, under the names that are not replaced. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *pointer);
#define OJT_HEAP_ALLOCATE __libc_malloc
#define OJT_HEAP_FREE __libc_free

extern char __executable_start, etext;

/* Who calls is seen from the return address; and libc must find these, in a build whose symbols are hidden. */
#define OJT_NOT_INLINED __attribute__((noinline, visibility("default")))

static void ojt_note(void *caller)
{
    if (!atomic_load(&ojt_is_watching))
        return;
    if ((char *)caller < &__executable_start || (char *)caller >= &etext) {
        atomic_fetch_add(&ojt_n_by_others, 1);
        return;
    }
    atomic_store(&ojt_last_caller, caller);
    atomic_fetch_add(&ojt_n_by_program, 1);
}

OJT_NOT_INLINED void *malloc(size_t size)
{
    ojt_note(__builtin_return_address(0));
    return __libc_malloc(size);
}

OJT_NOT_INLINED void *calloc(size_t n, size_t size)
{
    ojt_note(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

OJT_NOT_INLINED void *realloc(void *pointer, size_t size)
{
    ojt_note(__builtin_return_address(0));
    return __libc_realloc(pointer, size);
}

OJT_NOT_INLINED void *reallocarray(void *pointer, size_t n, size_t size)
{
    size_t total;
    ojt_note(__builtin_return_address(0));
    return __builtin_mul_overflow(n, size, &total) ? NULL : __libc_realloc(pointer, total);
}

OJT_NOT_INLINED void *memalign(size_t alignment, size_t size)
{
    ojt_note(__builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

OJT_NOT_INLINED void *aligned_alloc(size_t alignment, size_t size)
{
    ojt_note(__builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

OJT_NOT_INLINED int posix_memalign(void **out, size_t alignment, size_t size)
{
    ojt_note(__builtin_return_address(0));
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : 12;
}

OJT_NOT_INLINED void free(void *pointer)
{
    if (pointer && atomic_load(&ojt_is_watching))
        atomic_fetch_add(&ojt_n_freed, 1);
    __libc_free(pointer);
}
#else
#define OJT_HEAP_ALLOCATE malloc
#define OJT_HEAP_FREE free
#endif

static inline void ojt_watch(void)
{
    atomic_store(&ojt_n_by_program, 0);
    atomic_store(&ojt_n_by_others, 0);
    atomic_store(&ojt_n_freed, 0);
    atomic_store(&ojt_is_watching, true);
}

static inline void ojt_watch_end(void) { atomic_store(&ojt_is_watching, false); }

/* Nobody took heap or gave some back since ojt_watch(). */
static inline void ojt_expect_no_heap(const char *what)
{
    ojt_watch_end();
    if (ojt_n_by_program != 0 || ojt_n_by_others != 0 || ojt_n_freed != 0)
        fail_msg("%s: %zu calls of malloc and its kin by the library (the last from %p), %zu by others; %zu of free",
                 what, (size_t)ojt_n_by_program, (void *)ojt_last_caller, (size_t)ojt_n_by_others, (size_t)ojt_n_freed);
}

/* The library itself took none; libc or LLVM, which it called, may have, and may have been told to free it. */
static inline void ojt_expect_no_heap_of_ours(const char *what)
{
    ojt_watch_end();
    if (ojt_n_by_program != 0)
        fail_msg("%s: %zu calls of malloc and its kin by the library, the last from %p", what, (size_t)ojt_n_by_program,
                 (void *)ojt_last_caller);
}

/* --- the heap that handles are given ------------------------------------------------------------------------------ */

typedef struct ojt_counted {
    oj_allocator table;
    atomic_size_t n_calls;
    atomic_size_t n_live;
    atomic_size_t live_size;
} ojt_counted;

typedef struct ojt_counted_header {
    _Alignas(16) size_t size;
} ojt_counted_header;

static inline void *ojt_counted_allocate(void *context, size_t size)
{
    ojt_counted *heap = context;
    ojt_counted_header *header = OJT_HEAP_ALLOCATE(sizeof *header + size);
    if (!header)
        return NULL;
    header->size = size;
    memset(header + 1, 0xa5, size);
    heap->n_calls++;
    heap->n_live++;
    heap->live_size += size;
    return header + 1;
}

static inline void ojt_counted_release(void *context, void *pointer, size_t size)
{
    ojt_counted *heap = context;
    ojt_counted_header *header = (ojt_counted_header *)pointer - 1;
    assert_int_equal(header->size, size);
    heap->n_live--;
    heap->live_size -= size;
    OJT_HEAP_FREE(header);
}

static inline void ojt_counted_init(ojt_counted *heap)
{
    memset(heap, 0, sizeof *heap);
    oj_allocator_init(&heap->table);
    heap->table.context = heap;
    heap->table.allocate = ojt_counted_allocate;
    heap->table.release = ojt_counted_release;
}

static inline void ojt_expect_all_given_back(const ojt_counted *heap)
{
    assert_true(heap->n_calls > 0);
    assert_int_equal(heap->n_live, 0);
    assert_int_equal(heap->live_size, 0);
}

#endif
