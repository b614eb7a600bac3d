/* The heap hook and the scratch arena on top of it. */
#include "base/base.h"

#include <stdlib.h>
#include <time.h>

/* With the signatures of the client's hook, so that nothing else need know whose heap it is. */
static void *allocate_malloc(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void release_malloc(void *context, void *pointer, size_t size)
{
    (void)context;
    (void)size;
    free(pointer);
}

/* Both functions or neither: memory of one heap must not be released to the other. */
oj_status oji_allocator_import(oj_allocator *ours, const oj_allocator *given, oj_error *error)
{
    if (!given) {
        oj_allocator_init(ours);
        ours->allocate = allocate_malloc;
        ours->release = release_malloc;
        return OJ_OK;
    }
    OJI_TRY(oji_import(ours, sizeof *ours, sizeof *ours, given, "oj_allocator", error));
    OJI_TRY(oji_check_flags(ours->reserved, 0, "oj_allocator.reserved", error));
    if (!ours->allocate || !ours->release)
        return oji_fail(error, OJ_E_MISUSE, "oj_allocator.%s is NULL", ours->allocate ? "release" : "allocate");
    return OJ_OK;
}

/* Sizes are 64 bits everywhere and are cut to size_t here alone; beyond PTRDIFF_MAX differences of pointers would
 * overflow (C11, 6.5.6). Hooks are never asked for 0 bytes, for which C lets malloc() answer NULL. */
void *oji_allocate(const oj_allocator *allocator, uint64_t size)
{
    if (size > PTRDIFF_MAX)
        return NULL;
    return allocator->allocate(allocator->context, size ? (size_t)size : 1);
}

void *oji_allocate_zeroed(const oj_allocator *allocator, uint64_t size)
{
    void *pointer = oji_allocate(allocator, size);
    if (pointer)
        memset(pointer, 0, (size_t)size);
    return pointer;
}

/* With the size that was asked for, so that a client's heap need not keep it; 0 became 1 there, too. */
void oji_release(const oj_allocator *allocator, void *pointer, uint64_t size)
{
    if (pointer)
        allocator->release(allocator->context, pointer, size ? (size_t)size : 1);
}

/* A stress build's blocks hold next to nothing: nearly every allocation is one of the heap, and can be made to fail. */
#ifdef OJ_STRESS
#define ARENA_BLOCK 64u
#else
#define ARENA_BLOCK (16u * 1024u)
#endif

struct oji_arena_block {
    oji_arena_block *previous;
    uint64_t size; /* this header included */
    _Alignas(max_align_t) uint8_t data[];
};

/* A buffer too small to be aligned is not used. The buffer stays the caller's: only blocks are freed. */
void oji_arena_init(oji_arena *arena, const oj_allocator *allocator, void *buffer, size_t size)
{
    arena->allocator = allocator;
    arena->next = arena->end = NULL;
    arena->blocks = NULL;
    if (size >= 2 * OJI_ARENA_ALIGNMENT) {
        uintptr_t misaligned = (uintptr_t)buffer % OJI_ARENA_ALIGNMENT;
        arena->next = (uint8_t *)buffer + (misaligned ? OJI_ARENA_ALIGNMENT - misaligned : 0);
        arena->end = (uint8_t *)buffer + size;
    }
}

/* What was left of the last block is given up. `wanted` is below PTRDIFF_MAX / 2, so the sum does not wrap. */
static bool grow_arena(oji_arena *arena, uint64_t wanted)
{
    uint64_t size = sizeof(oji_arena_block) + (wanted > ARENA_BLOCK ? wanted : ARENA_BLOCK);
    oji_arena_block *block = oji_allocate(arena->allocator, size);
    if (!block)
        return false;
    block->previous = arena->blocks;
    block->size = size;
    arena->blocks = block;
    arena->next = block->data;
    arena->end = (uint8_t *)block + size;
    return true;
}

/* An array of 0 elements takes one unit, so that NULL always means that memory ended. */
void *oji_arena_extend(oji_arena *arena, uint64_t n, uint64_t size)
{
    uint64_t total;
    void *result;
    if (!oji_mul(n, size, &total) || total > PTRDIFF_MAX / 2)
        return NULL;
    total = ((total ? total : 1) + OJI_ARENA_ALIGNMENT - 1) & ~(uint64_t)(OJI_ARENA_ALIGNMENT - 1);
    if ((uint64_t)(arena->end - arena->next) < total && !grow_arena(arena, total))
        return NULL;
    result = arena->next;
    arena->next += total;
    return result;
}

void *oji_arena_array(oji_arena *arena, uint64_t n, uint64_t size)
{
    void *result = oji_arena_raw(arena, n, size);
    return result ? memset(result, 0, (size_t)(n * size)) : NULL;
}

/* The old array stays until the arena ends: all old ones together are smaller than the new one. Pointers into it go
 * stale without being freed, so that a forgotten one reads old data and not foreign data. */
bool oji_arena_enlarge(oji_arena *arena, void **array, uint32_t n, uint32_t *capacity, uint64_t size)
{
    uint64_t wanted = *capacity < 8 ? 8 : (uint64_t)*capacity * 2;
    void *grown = wanted <= UINT32_MAX / 2 ? oji_arena_array(arena, wanted, size) : NULL;
    if (!grown)
        return false;
    if (n > 0)
        memcpy(grown, *array, (size_t)(n * size));
    *array = grown;
    *capacity = (uint32_t)wanted;
    return true;
}

/* Leaves an empty arena that holds nothing; freeing it again does nothing. */
void oji_arena_free(oji_arena *arena)
{
    while (arena->blocks) {
        oji_arena_block *block = arena->blocks;
        arena->blocks = block->previous;
        oji_release(arena->allocator, block, block->size);
    }
    arena->next = arena->end = NULL;
}

/* clock_gettime(2) fails for clocks that do not exist or addresses that are not there: here for neither. */
uint64_t oji_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
