/* Finding functions and records: by index, by address, by identifier. */
#include "code/stackmap.h"

/* --- orders ------------------------------------------------------------------------------------------------------- */

typedef uint64_t (*key_of)(const oj_stackmap *map, uint32_t index);

static uint64_t function_addr(const oj_stackmap *map, uint32_t index) { return map->functions[index].run_addr; }

/* By key, then by address, so that those of one identifier are in the order of their addresses; then as the tables have
 * them. */
static bool is_before(const oj_stackmap *map, key_of key, uint32_t a, uint32_t b)
{
    uint64_t x = key(map, a), y = key(map, b);
    if (x == y && key == oji_stackmap_id) {
        x = oji_stackmap_addr(map, a);
        y = oji_stackmap_addr(map, b);
    }
    return x != y ? x < y : a < b;
}

/* Let the index at `top` sink to where no child is behind it. */
static void sink(const oj_stackmap *map, key_of key, uint32_t *heap, uint32_t top, uint32_t n)
{
    uint32_t sinking = heap[top];
    for (uint64_t child; (child = 2 * (uint64_t)top + 1) < n; top = (uint32_t)child) {
        if (child + 1 < n && is_before(map, key, heap[child], heap[child + 1]))
            child++;
        if (!is_before(map, key, sinking, heap[child]))
            break;
        heap[top] = heap[child];
    }
    heap[top] = sinking;
}

/* Compilers write most tables in order, which costs one pass. Else a heap sort: it needs no memory, and no input makes
 * it slow. */
static void sort(const oj_stackmap *map, key_of key, uint32_t *order, uint32_t n)
{
    bool is_sorted = true;
    for (uint32_t i = 0; i < n; i++) {
        order[i] = i;
        if (i > 0 && is_before(map, key, i, i - 1))
            is_sorted = false;
    }
    if (is_sorted)
        return;
    for (uint32_t i = n / 2; i-- > 0;)
        sink(map, key, order, i, n);
    for (uint32_t i = n; i-- > 1;) {
        uint32_t last = order[0];
        order[0] = order[i];
        order[i] = last;
        sink(map, key, order, 0, i);
    }
}

void oji_stackmap_sort(oj_stackmap *map)
{
    sort(map, function_addr, map->functions_by_addr, map->n_functions);
    sort(map, oji_stackmap_addr, map->by_addr, map->n_records);
    sort(map, oji_stackmap_id, map->by_id, map->n_records);
}

/* The position of the first in `order` whose key is not below `wanted`; n where there is none. */
static uint32_t lower_bound(const oj_stackmap *map, key_of key, const uint32_t *order, uint32_t n, uint64_t wanted)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (key(map, order[middle]) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- functions ---------------------------------------------------------------------------------------------------- */

size_t oj_stackmap_function_count(const oj_stackmap *map) { return map ? map->n_functions : 0; }

oj_status oj_stackmap_function(const oj_stackmap *map, size_t index, oj_stackmap_function_info *info, size_t out_size)
{
    oj_stackmap_function_info full;
    const oji_stackmap_function *function;
    if (!info)
        return OJ_E_MISUSE;
    memset(info, 0, out_size);
    if (!map || index >= map->n_functions)
        return OJ_E_MISUSE;
    function = &map->functions[index];
    full = (oj_stackmap_function_info){.run_addr = function->run_addr,
                                       .stack_size = function->stack_size,
                                       .index = index,
                                       .first_record = function->first_record,
                                       .n_records = function->n_records};
    oji_export(info, out_size, &full, sizeof full);
    return OJ_OK;
}

oj_status oj_stackmap_find_function(const oj_stackmap *map, uint64_t run_addr, oj_stackmap_function_info *info,
                                    size_t out_size)
{
    uint32_t at;
    if (!info)
        return OJ_E_MISUSE;
    memset(info, 0, out_size);
    if (!map)
        return OJ_E_NOT_FOUND;
    at = lower_bound(map, function_addr, map->functions_by_addr, map->n_functions, run_addr);
    if (at == map->n_functions || map->functions[map->functions_by_addr[at]].run_addr != run_addr)
        return OJ_E_NOT_FOUND;
    return oj_stackmap_function(map, map->functions_by_addr[at], info, out_size);
}

/* --- records ------------------------------------------------------------------------------------------------------ */

size_t oj_stackmap_record_count(const oj_stackmap *map) { return map ? map->n_records : 0; }

oj_status oj_stackmap_record(const oj_stackmap *map, size_t index, oj_stackmap_record_info *info, size_t out_size)
{
    oj_stackmap_record_info full;
    const oji_stackmap_record *record;
    const oji_stackmap_function *function;
    if (!info)
        return OJ_E_MISUSE;
    memset(info, 0, out_size);
    if (!map || index >= map->n_records)
        return OJ_E_MISUSE;
    record = &map->records[index];
    function = &map->functions[record->function];
    full = (oj_stackmap_record_info){.id = oji_stackmap_id(map, (uint32_t)index),
                                     .run_addr = oji_stackmap_addr(map, (uint32_t)index),
                                     .function_addr = function->run_addr,
                                     .stack_size = function->stack_size,
                                     .index = index,
                                     .function = record->function,
                                     .n_locations = record->n_locations,
                                     .n_live_outs = record->n_live_outs};
    oji_export(info, out_size, &full, sizeof full);
    return OJ_OK;
}

/* Bisects twice: for the last address that is not above the wanted one, then for the first record that has it. */
oj_status oj_stackmap_find(const oj_stackmap *map, uint64_t run_addr, uint64_t within, oj_stackmap_record_info *info,
                           size_t out_size)
{
    uint32_t at;
    uint64_t found;
    if (!info)
        return OJ_E_MISUSE;
    memset(info, 0, out_size);
    if (!map)
        return OJ_E_NOT_FOUND;
    at = lower_bound(map, oji_stackmap_addr, map->by_addr, map->n_records, run_addr);
    if (at == map->n_records || oji_stackmap_addr(map, map->by_addr[at]) != run_addr) {
        if (at == 0)
            return OJ_E_NOT_FOUND;
        found = oji_stackmap_addr(map, map->by_addr[at - 1]);
        if (run_addr - found > within)
            return OJ_E_NOT_FOUND;
        at = lower_bound(map, oji_stackmap_addr, map->by_addr, at, found);
    }
    return oj_stackmap_record(map, map->by_addr[at], info, out_size);
}

oj_status oj_stackmap_find_id(const oj_stackmap *map, uint64_t id, size_t nth, oj_stackmap_record_info *info,
                              size_t out_size)
{
    uint32_t at;
    if (!info)
        return OJ_E_MISUSE;
    memset(info, 0, out_size);
    if (!map)
        return OJ_E_NOT_FOUND;
    at = lower_bound(map, oji_stackmap_id, map->by_id, map->n_records, id);
    if (nth >= map->n_records - at || oji_stackmap_id(map, map->by_id[at + nth]) != id)
        return OJ_E_NOT_FOUND;
    return oj_stackmap_record(map, map->by_id[at + nth], info, out_size);
}
