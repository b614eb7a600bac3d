/* A heap for handles under test: counts what is live, checks the sizes given back, and fails on request. */
#ifndef OJT_HEAP_H
#define OJT_HEAP_H

#include "support/test.h"

#include <ownjit/base.h>

#include <stdbool.h>
#include <stdlib.h>

/* Handles are created with its `table`. Call number fail_at fails (from 1; 0 = none), or all calls from there on. */
typedef struct ojt_heap {
    oj_allocator table;
    size_t n_calls;
    size_t n_live;
    size_t live_size;
    size_t peak_size;
    size_t fail_at;
    bool fail_from;
} ojt_heap;

/* Keeps the alignment of malloc(). */
typedef struct ojt_heap_header {
    _Alignas(16) size_t size;
} ojt_heap_header;

static inline void *ojt_heap_allocate(void *context, size_t size)
{
    ojt_heap *heap = context;
    ojt_heap_header *header;
    heap->n_calls++;
    if (heap->fail_at != 0 && (heap->fail_from ? heap->n_calls >= heap->fail_at : heap->n_calls == heap->fail_at))
        return NULL;
    assert_true(size > 0);
    header = malloc(sizeof *header + size);
    assert_non_null(header);
    header->size = size;
    memset(header + 1, 0xa5, size);
    heap->n_live++;
    heap->live_size += size;
    if (heap->live_size > heap->peak_size)
        heap->peak_size = heap->live_size;
    return header + 1;
}

static inline void ojt_heap_release(void *context, void *pointer, size_t size)
{
    ojt_heap *heap = context;
    ojt_heap_header *header = (ojt_heap_header *)pointer - 1;
    assert_int_equal(header->size, size);
    heap->n_live--;
    heap->live_size -= size;
    memset(pointer, 0xdd, size);
    free(header);
}

static inline void ojt_heap_init(ojt_heap *heap)
{
    memset(heap, 0, sizeof *heap);
    oj_allocator_init(&heap->table);
    heap->table.context = heap;
    heap->table.allocate = ojt_heap_allocate;
    heap->table.release = ojt_heap_release;
}

#endif
