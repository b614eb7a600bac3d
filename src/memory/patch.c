/* Changing published code, with the provider locked. Through the write view where there is one; in private memory by
 * building the pages aside and moving them over the old ones, so that a thread which runs there sees all of the old
 * bytes or all of the new ones. */
#include "memory/slab.h"

/* A fork shares the file: a store would reach the other process's code too, so that neither side may. */
static oj_status patch_view(const oji_memory_slab *slab, const oji_memory_patch *patch, oj_error *error)
{
    const oji_memory_region *code = &slab->regions[OJI_MEMORY_CODE];
    uint32_t index = (uint32_t)(patch->offset / OJI_MEMORY_GRANULE);
    uint8_t *where;
    if (!code->write)
        return oji_fail(error, OJ_E_PERMISSION, "the code was inherited from the process that forked this one");
    if (code->is_frozen && (slab->is_single || oji_memory_zone_is_kept(&code->zone, index)))
        return oji_fail(error, OJ_E_PERMISSION, "a process that was forked from this one may be running the code");
    where = code->write + patch->offset;
    if (patch->is_atomic)
        oji_store_in_word(where, patch->bytes, patch->size);
    else
        memcpy(where, patch->bytes, (size_t)patch->size);
    return OJ_OK;
}

/* Pages to build aside in. A single slab has none of its own, and what is moved from elsewhere stays a mapping
 * apart. */
static bool map_aside(oji_memory_slab *slab, uint64_t offset, uint64_t size, uint8_t **aside,
                      oji_memory_failure *failure)
{
    *aside = slab->regions[OJI_MEMORY_TWIN].run + offset;
    if (!slab->is_single)
        return oji_memory_private_open_twin(slab, failure);
    if (!oji_memory_os_reserve(size, oji_memory_os_page_size(), 0, 0, aside, failure))
        return false;
    if (oji_memory_os_map_private(*aside, size, failure))
        return true;
    oji_memory_os_unmap(*aside, size);
    return false;
}

/* A mapping begins at a page of a single slab's code, or no more. */
static void set_cut(oji_memory_slab *slab, uint64_t page, bool is_cut)
{
    uint8_t *byte = &slab->cuts[page / 8], bit = (uint8_t)(1u << page % 8);
    if (page == 0 || page >= slab->regions[OJI_MEMORY_CODE].size / oji_memory_os_page_size() ||
        ((*byte & bit) != 0) == is_cut)
        return;
    *byte ^= bit;
    slab->n_mappings += is_cut ? 1u : -1u;
}

/* Pages that have been moved into a single slab are one mapping, whatever they were before. */
static void count_moved(oji_memory_slab *slab, uint64_t offset, uint64_t size)
{
    uint64_t page = oji_memory_os_page_size(), first = offset / page, last = (offset + size) / page;
    set_cut(slab, first, true);
    set_cut(slab, last, true);
    for (uint64_t i = first + 1; i < last; i++)
        set_cut(slab, i, false);
}

/* No thread sees a page half written, so that what lies in one page changes at once, and is_atomic asks for no more.
 * The sums cannot wrap: the caller has checked the range. */
static bool patch_private(oji_memory_slab *slab, const oji_memory_patch *patch, oji_memory_failure *failure)
{
    const oji_memory_region *code = &slab->regions[OJI_MEMORY_CODE];
    uint64_t page = oji_memory_os_page_size(), first = patch->offset & ~(page - 1);
    uint64_t size = ((patch->offset + patch->size + page - 1) & ~(page - 1)) - first;
    uint8_t *aside;
    bool done;
    if (!map_aside(slab, first, size, &aside, failure))
        return false;
    memcpy(aside, code->run + first, (size_t)size);
    memcpy(aside + (patch->offset - first), patch->bytes, (size_t)patch->size);
    if (!slab->is_single)
        return oji_memory_private_move_in(slab, first, size, failure);
    done = oji_memory_os_move(code->run + first, aside, size, failure);
    oji_memory_os_unmap(aside, size);
    if (done)
        count_moved(slab, first, size);
    return done;
}

/* Only code is patched: the offset is a client's, and must not lead into rodata or past the region. */
oj_status oji_memory_patch_code(oji_memory_slab *slab, const oji_memory_patch *patch, oj_error *error)
{
    const oji_memory_region *code = &slab->regions[OJI_MEMORY_CODE];
    oji_memory_failure failure;
    if (patch->offset >= code->size || patch->size > code->size - patch->offset)
        return oji_fail(error, OJ_E_RANGE, "%llu bytes to patch do not lie in the code of this placement",
                        (unsigned long long)patch->size);
    if (code->is_file)
        return patch_view(slab, patch, error);
    if (!patch_private(slab, patch, &failure))
        return oji_fail_system(error, oji_memory_os_status(&failure), failure.system_error, "patch of code: %s",
                               failure.step);
    return OJ_OK;
}
