/* Any bytes, read as an object, planned and linked into plain buffers at fixed run addresses. Every name is defined;
 * nothing is executed. The first byte chooses how: where the segments lie, how names resolve, flags. */
#include "base/base.h"

#include <ownjit/ownjit.h>

#include <stdlib.h>

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

static void check(oj_status status, const void *result, const oj_error *error)
{
    if ((status == OJ_OK) != (result != NULL) || error->status != status || (status != OJ_OK && error->text[0] == '\0'))
        abort();
}

static void read_code(const oj_code *code)
{
    for (size_t i = 0; i < oj_code_symbol_count(code); i++) {
        oj_code_symbol_info info;
        uint64_t addr;
        if (oj_code_symbol(code, i, &info, sizeof info) != OJ_OK)
            abort();
        addr = oj_code_lookup_addr(code, info.name);
        /* Local symbols may share a name. */
        if (addr == 0 && info.run_addr != 0 && oj_code_symbol_count(code) == 1)
            abort();
    }
}

static void read_plan(const oj_plan *plan)
{
    for (size_t i = 0; i < oj_plan_range_count(plan); i++) {
        oj_range_info range;
        oj_segment segment;
        if (oj_plan_range(plan, i, &range, sizeof range) != OJ_OK ||
            oj_plan_segment(plan, range.segment, &segment, sizeof segment) != OJ_OK) {
            /* An empty range may name a segment that is empty, too. */
            if (range.size != 0)
                abort();
            continue;
        }
        if (range.offset > segment.size || range.size > segment.size - range.offset)
            abort();
    }
}

static bool has_debug(uint8_t choice) { return (choice & 24) == 24; }

static void link_object(const oj_object *object, uint8_t choice)
{
    scene all = {bases[choice & 3], (choice & 128) != 0};
    const oj_resolver resolvers[] = {oj_resolver_callback(resolve, &all), oj_resolver_objects()};
    const oj_resolver reversed[] = {resolvers[1], resolvers[0]};
    oj_link_options options;
    oj_memory memory;
    oj_plan *plan;
    oj_error error;
    oj_status status;
    oj_memory_init(&memory);
    memory.context = &all;
    memory.place = place;
    memory.release = release;
    memory.flags = OJ_CACHE_BY_CLIENT | OJ_PERMISSIONS_BY_CLIENT;
    oj_link_options_init(&options);
    options.memory = &memory;
    options.resolvers = choice & 4 ? resolvers : reversed;
    options.n_resolvers = 2;
    options.flags = choice & 8 ? OJ_LINK_KEEP_LOCAL_SYMBOLS : choice & 16 ? OJ_LINK_KEEP_NO_SYMBOLS : 0;
    options.flags |= choice & 32 ? OJ_LINK_SECTIONS_SINGLY : 0;
    options.flags |= choice & 64 ? OJ_LINK_NO_UNWIND : 0;
    options.flags |= has_debug(choice) ? OJ_LINK_DEBUGGER : 0;
    status = oj_plan_create(&plan, &object, 1, &options, &error);
    check(status, plan, &error);
    if (status != OJ_OK)
        return;
    read_plan(plan);
    for (int i = 0; i < 2; i++) {
        oj_code *code;
        status = oj_plan_link(plan, &code, &error);
        check(status, code, &error);
        if (status == OJ_OK)
            read_code(code);
        oj_code_destroy(code);
    }
    oj_plan_destroy(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    oj_object_options options;
    oj_object *object;
    oj_error error;
    oj_status status;
    if (size < 1)
        return 0;
    oj_object_options_init(&options);
    options.flags = has_debug(data[0]) ? OJ_OBJECT_WITH_DEBUG : 0;
    status = oj_object_create(&object, data + 1, size - 1, &options, &error);
    check(status, object, &error);
    if (status == OJ_OK)
        link_object(object, data[0]);
    oj_object_destroy(object);
    return 0;
}
