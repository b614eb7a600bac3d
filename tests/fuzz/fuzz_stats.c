/* Any placements with the library's own memory provider, sizes and alignments near 2^64 included, and any sizes of the
 * record asked for: what the accounts say must add up, be what a model counts, and be written up to the size only.
 * The first byte chooses the mode and the budget; a step is a byte that says what, and bytes of choice. */
#include "fuzz/input.h"

#include <ownjit/ownjit.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LIVE = 32, MAX_STEPS = 96, LARGEST = 1 << 22 };

#define BUDGET (UINT64_C(3) << 20)

typedef struct link {
    oj_placement placement;
    oj_segment segments[3];
} link_request;

typedef struct world {
    oj_memory *memory;
    bool has_budget;
    link_request live[MAX_LIVE];
    size_t n_live;
    uint64_t peak;
} world;

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* --- accounts ----------------------------------------------------------------------------------------------------- */

static uint64_t sum(const uint64_t *by_kind, size_t from)
{
    uint64_t all = 0;
    for (size_t kind = from; kind < 4; kind++)
        all += by_kind[kind];
    return all;
}

static uint64_t live_size(const world *w, uint32_t kind)
{
    uint64_t size = 0;
    for (size_t i = 0; i < w->n_live; i++)
        for (size_t k = 0; k < w->live[i].placement.n_segments; k++)
            if (w->live[i].segments[k].kind == kind)
                size += w->live[i].segments[k].size;
    return size;
}

static void check_accounts(world *w)
{
    oj_memory_stats stats;
    require(oj_memory_get_stats(w->memory, &stats, sizeof stats, NULL) == OJ_OK);
    require(stats.n_placements == w->n_live);
    require(stats.mapped <= stats.reserved);
    require(!w->has_budget || stats.mapped <= BUDGET);
    require(stats.used <= stats.peak_used && stats.used + stats.free == stats.mapped);
    require(stats.peak_used >= w->peak);
    w->peak = stats.peak_used;
    require(sum(stats.used_by_kind, 1) == stats.used && sum(stats.free_by_kind, 1) == stats.free);
    require(sum(stats.mapped_by_kind, 1) == stats.mapped && sum(stats.lost_by_kind, 1) == stats.lost);
    require(sum(stats.reserved_by_kind, 0) == stats.reserved);
    for (uint32_t kind = OJ_SEGMENT_CODE; kind <= OJ_SEGMENT_DATA; kind++)
        require(stats.used_by_kind[kind] - stats.lost_by_kind[kind] == live_size(w, kind));
}

/* A record of exactly the size asked for, so that the sanitizer sees a store beyond it. */
static void ask(const world *w, uint8_t choice)
{
    size_t size = choice % (sizeof(oj_memory_stats) + 16);
    oj_memory_stats whole;
    oj_error error;
    uint8_t *record = malloc(size + 1);
    if (!record)
        return;
    require(oj_memory_get_stats(w->memory, &whole, sizeof whole, NULL) == OJ_OK);
    require(oj_memory_get_stats(w->memory, (oj_memory_stats *)(void *)record, size, &error) == OJ_OK);
    require(memcmp(record, &whole, size < sizeof whole ? size : sizeof whole) == 0);
    free(record);
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static uint64_t next_length(input *in)
{
    uint8_t choice = next_byte(in);
    uint64_t size = next_byte(in) + UINT64_C(1);
    if (choice == 255)
        return UINT64_MAX - size;
    if (choice >= 250)
        return size << 56;
    return size << choice % 16;
}

static bool lie_apart(const oj_segment *a, const oj_segment *b)
{
    return a->run_addr + a->size <= b->run_addr || b->run_addr + b->size <= a->run_addr;
}

/* Every byte may be written, and nothing lies on anything else. */
static void check_placed(const world *w, const link_request *made)
{
    for (size_t k = 0; k < made->placement.n_segments; k++) {
        const oj_segment *segment = &made->segments[k];
        require(segment->run_addr % segment->alignment == 0);
        require(segment->run_addr >= made->placement.low_addr);
        require(made->placement.high_addr == 0 || segment->run_addr + segment->size <= made->placement.high_addr);
        for (size_t i = 0; i < w->n_live; i++)
            for (size_t j = 0; j < w->live[i].placement.n_segments; j++)
                require(lie_apart(segment, &w->live[i].segments[j]));
        ((uint8_t *)segment->write)[0] = 1;
        ((uint8_t *)segment->write)[segment->size - 1] = 1;
    }
}

static void place(world *w, input *in)
{
    link_request *made = &w->live[w->n_live];
    uint8_t choice = next_byte(in);
    uint64_t all = 0;
    oj_error error;
    oj_status status;
    if (w->n_live == MAX_LIVE)
        return;
    memset(made, 0, sizeof *made);
    made->placement.struct_size = (uint32_t)sizeof made->placement;
    made->placement.segments = made->segments;
    made->placement.flags = choice >> 3 & 7;
    made->placement.high_addr = choice & 64 ? UINT64_C(1) << 31 : 0;
    made->placement.reach = choice & 128 ? UINT64_C(1) << 20 : 0;
    for (uint32_t kind = OJ_SEGMENT_CODE; kind <= OJ_SEGMENT_DATA; kind++)
        if (choice >> (kind - 1) & 1) {
            oj_segment *segment = &made->segments[made->placement.n_segments++];
            segment->kind = kind;
            segment->size = next_length(in);
            segment->alignment = UINT64_C(1) << next_byte(in) % 24;
            all = segment->size > LARGEST ? UINT64_MAX : all + segment->size;
        }
    if (made->placement.n_segments == 0)
        return;
    /* More than the machine has is not tried, and what no machine has must fail. */
    if (all > LARGEST && all != UINT64_MAX)
        return;
    status = w->memory->place(w->memory->context, &made->placement, &error);
    require(status == OJ_OK || error.text[0] != '\0');
    if (status != OJ_OK)
        return;
    check_placed(w, made);
    if (choice & 32 || w->memory->protect(w->memory->context, &made->placement, &error) == OJ_OK)
        w->n_live++;
    else
        w->memory->release(w->memory->context, &made->placement);
}

static void release(world *w, uint8_t choice)
{
    size_t i;
    if (w->n_live == 0)
        return;
    i = choice % w->n_live;
    w->live[i].placement.segments = w->live[i].segments;
    w->memory->release(w->memory->context, &w->live[i].placement);
    w->live[i] = w->live[--w->n_live];
}

static void step(world *w, input *in)
{
    uint8_t what = next_byte(in);
    if (what % 4 < 2)
        place(w, in);
    else if (what % 4 == 2)
        release(w, next_byte(in));
    else
        ask(w, next_byte(in));
    check_accounts(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static world empty;
    world w = empty;
    input in = {data, size};
    uint8_t choice = next_byte(&in);
    oj_memory_options options;
    oj_error error;
    oj_memory_options_init(&options);
    options.mode = choice % 3; /* keys are not every machine's */
    options.slab_size = choice & 64 ? UINT64_C(1) << 20 : 0;
    w.has_budget = (choice & 128) != 0;
    options.budget = w.has_budget ? BUDGET : 0;
    if (oj_memory_create(&w.memory, &options, &error) != OJ_OK)
        return 0;
    for (int i = 0; i < MAX_STEPS && in.size > 0; i++)
        step(&w, &in);
    if (w.n_live > 0)
        require(oj_memory_destroy(w.memory, &error) == OJ_E_MISUSE);
    while (w.n_live > 0)
        release(&w, 0);
    check_accounts(&w);
    require(oj_memory_destroy(w.memory, &error) == OJ_OK);
    return 0;
}
