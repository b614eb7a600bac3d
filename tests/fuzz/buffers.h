/* A client's memory for fuzz targets: plain buffers of exactly the size asked for, with run addresses that somebody
 * else chose, and a resolver that knows every name. Nothing that is placed here can be executed. */
#ifndef OJT_FUZZ_BUFFERS_H
#define OJT_FUZZ_BUFFERS_H

#include <ownjit/ownjit.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SEGMENT = 1 << 22, MAX_PLACED = 1 << 24 };

/* Run addresses of the three kinds; the second set is what non-PIC code needs, the third is far from everything. */
static const uint64_t bases[4] = {0x10000000, 0x7f0000000000, 0x40000000, 0xffff800000000000};

/* What the callbacks are given. */
typedef struct scene {
    uint64_t base;
    bool has_far_names;
} scene;

typedef struct placed {
    size_t n;
    void *blocks[];
} placed;

/* Would linking run some of it? The resolvers of indirect functions are called by the link itself. */
static bool runs_when_linked(const oj_object *object)
{
    oj_symbol_info symbol;
    for (size_t i = 0; i < oj_object_symbol_count(object); i++)
        if (oj_object_symbol(object, i, &symbol, sizeof symbol) == OJ_OK && symbol.type == OJ_SYMBOL_IFUNC)
            return true;
    return false;
}

/* Buffers of exactly the size asked for, so that the sanitizer sees a store beyond any of them. */
static oj_status place(void *context, oj_placement *placement, oj_error *error)
{
    uint64_t next = ((const scene *)context)->base, total = 0;
    placed *given;
    (void)error;
    for (size_t i = 0; i < placement->n_segments; i++) {
        if (placement->segments[i].size > MAX_SEGMENT || placement->segments[i].alignment > MAX_SEGMENT)
            return OJ_E_BUDGET;
        total += placement->segments[i].size;
    }
    if (total > MAX_PLACED)
        return OJ_E_BUDGET;
    given = calloc(1, sizeof *given + placement->n_segments * sizeof given->blocks[0]);
    if (!given)
        return OJ_E_NOMEM;
    given->n = placement->n_segments;
    placement->token = given;
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        size_t alignment = segment->alignment < sizeof(void *) ? sizeof(void *) : (size_t)segment->alignment;
        if (posix_memalign(&given->blocks[i], alignment, (size_t)segment->size) != 0)
            abort();
        next = (next + segment->alignment - 1) & ~(segment->alignment - 1);
        segment->write = given->blocks[i];
        segment->run_addr = next;
        next += segment->size + 4096;
    }
    return OJ_OK;
}

static void release(void *context, const oj_placement *placement)
{
    placed *given = placement->token;
    (void)context;
    for (size_t i = 0; i < given->n; i++)
        free(given->blocks[i]);
    free(given);
}

/* Near the link, or far from it by the name's length. */
static oj_status resolve(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    const scene *all = context;
    (void)error;
    for (size_t i = 0; i < n_queries; i++) {
        queries[i].found = 1;
        queries[i].addr = all->has_far_names && strlen(queries[i].name) % 2 ? 0x123456789a : all->base + 0x100000;
    }
    return OJ_OK;
}

static void memory_init(oj_memory *memory, scene *all)
{
    oj_memory_init(memory);
    memory->context = all;
    memory->place = place;
    memory->release = release;
    memory->flags = OJ_CACHE_BY_CLIENT | OJ_PERMISSIONS_BY_CLIENT;
}

#endif
