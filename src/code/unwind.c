/* The registry of unwind tables: one lock, and what is needed to know a record again and undo it. */
#include "code/unwind.h"

#include <pthread.h>

/* What undoing a link takes. Most have one range; several, or images, are kept apart. */
typedef struct extra {
    uint32_t n;
    struct {
        oji_unwind_range range;
        oji_image *image; /* NULL in a sheet */
    } parts[];
} extra;

/* 24 bytes for each link with tables. */
typedef struct entry {
    uint64_t addr; /* of the table in the code: known by it. Free entries have 0, which no record has */
    uint64_t at;   /* start of the range in a sheet, or the extra's address; of a free entry the next one's index + 1 */
    uint32_t size; /* bytes of the range: segments are below 2 GiB */
    uint32_t n_ranges; /* 0: no extra; else what it was allocated for */
} entry;

#define BLOCK 512u /* entries: they come in blocks, so that growth neither copies nor keeps room free */

static struct {
    pthread_mutex_t lock;
    entry **blocks;
    uint32_t n_blocks;
    uint32_t capacity; /* of blocks */
    uint32_t n;        /* entries that were used at some time; handles are indices + 1 */
    uint32_t first_free;
    uint32_t n_used;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static entry *entry_of(uint64_t handle) { return &registry.blocks[(handle - 1) / BLOCK][(handle - 1) % BLOCK]; }

/* --- fork: a child finds the lock free and everything whole -------------------------------------------------------- */

static void lock(void) { pthread_mutex_lock(&registry.lock); }
static void unlock(void) { pthread_mutex_unlock(&registry.lock); }

/* Fails only for want of memory; forks of programs that link in several threads are then what they are without it. */
static void start(void) { (void)pthread_atfork(lock, unlock, unlock); }

static void lock_registry(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    lock();
}

const oj_allocator *oji_unwind_heap(void)
{
    static oj_allocator heap;
    if (!heap.allocate)
        (void)oji_allocator_import(&heap, NULL, NULL);
    return &heap;
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

static bool grow_blocks(void)
{
    uint32_t capacity = registry.capacity ? registry.capacity * 2 : 8;
    entry **grown;
    if (registry.n_blocks < registry.capacity)
        return true;
    if (registry.n_blocks >= UINT32_MAX / BLOCK / 2)
        return false;
    grown = oji_allocate(oji_unwind_heap(), capacity * sizeof(entry *));
    if (!grown)
        return false;
    if (registry.n_blocks > 0)
        memcpy(grown, registry.blocks, registry.n_blocks * sizeof(entry *));
    oji_release(oji_unwind_heap(), registry.blocks, registry.capacity * sizeof(entry *));
    registry.blocks = grown;
    registry.capacity = capacity;
    return true;
}

static bool grow(void)
{
    entry *block = grow_blocks() ? oji_allocate(oji_unwind_heap(), BLOCK * sizeof(entry)) : NULL;
    if (block)
        registry.blocks[registry.n_blocks++] = block;
    return block != NULL;
}

/* Index + 1, or 0 where memory ends. */
static uint32_t take_entry(void)
{
    uint32_t handle = registry.first_free;
    if (handle == 0) {
        if (registry.n == registry.n_blocks * BLOCK && !grow())
            return 0;
        handle = ++registry.n;
    } else {
        registry.first_free = (uint32_t)entry_of(handle)->at;
    }
    registry.n_used++;
    memset(entry_of(handle), 0, sizeof(entry));
    return handle;
}

static void free_all(void)
{
    for (uint32_t i = 0; i < registry.n_blocks; i++)
        oji_release(oji_unwind_heap(), registry.blocks[i], BLOCK * sizeof(entry));
    oji_release(oji_unwind_heap(), registry.blocks, registry.capacity * sizeof(entry *));
    registry.blocks = NULL;
    registry.n = registry.n_blocks = registry.capacity = registry.first_free = 0;
}

static void free_entry(uint32_t handle)
{
    *entry_of(handle) = (entry){.at = registry.first_free};
    registry.first_free = handle;
    if (--registry.n_used == 0)
        free_all();
}

static uint64_t extra_size(uint32_t n) { return sizeof(extra) + n * sizeof(((extra *)0)->parts[0]); }

/* --- adding and removing ------------------------------------------------------------------------------------------ */

static extra *extra_of(const entry *e) { return (extra *)(uintptr_t)e->at; }

static void remove_parts(const oji_unwinder *unwinder, const extra *parts)
{
    for (uint32_t i = 0; i < parts->n; i++) {
        if (parts->parts[i].image)
            oji_image_remove(unwinder, parts->parts[i].image);
        else
            oji_sheet_remove(unwinder, &parts->parts[i].range);
    }
}

static void remove_all(const oji_unwinder *unwinder, const entry *e)
{
    oji_unwind_range range = {e->at, e->size};
    if (e->n_ranges == 0) {
        oji_sheet_remove(unwinder, &range);
        return;
    }
    remove_parts(unwinder, extra_of(e));
    oji_release(oji_unwind_heap(), extra_of(e), extra_size(e->n_ranges));
}

/* FDEs from `first` on that lie in the range; both ascend. */
static uint32_t count_in(const oji_unwind_tables *tables, uint32_t first, const oji_unwind_range *range)
{
    uint32_t n = 0;
    while (first + n < tables->n_fdes && tables->fdes[first + n].addr - range->addr < range->size)
        n++;
    return n;
}

/* Ranges without a function are passed over. */
static bool add_parts(const oji_unwinder *unwinder, const oji_unwind_tables *tables, extra *parts)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < tables->n_ranges && first < tables->n_fdes; i++) {
        uint32_t n = count_in(tables, first, &tables->ranges[i]);
        if (n == 0)
            continue;
        parts->parts[parts->n].range = tables->ranges[i];
        parts->parts[parts->n].image = NULL;
        if (unwinder->kind == OJI_UNWINDER_LISTS) {
            if (!oji_sheet_add(unwinder, tables, i, first, n))
                return false;
        } else {
            parts->parts[parts->n].image = oji_image_add(unwinder, tables, first, n);
            if (!parts->parts[parts->n].image)
                return false;
        }
        parts->n++;
        first += n;
    }
    return true;
}

static bool add_extra(const oji_unwinder *unwinder, const oji_unwind_tables *tables, entry *e)
{
    extra *parts = oji_allocate_zeroed(oji_unwind_heap(), extra_size(tables->n_ranges));
    if (!parts)
        return false;
    e->at = (uintptr_t)parts;
    e->n_ranges = tables->n_ranges;
    if (add_parts(unwinder, tables, parts))
        return true;
    remove_parts(unwinder, parts);
    oji_release(oji_unwind_heap(), parts, extra_size(tables->n_ranges));
    return false;
}

static bool add(const oji_unwinder *unwinder, const oji_unwind_tables *tables, entry *e)
{
    const oji_unwind_range *range = &tables->ranges[0];
    if (unwinder->kind != OJI_UNWINDER_LISTS || tables->n_ranges > 1 || range->size > UINT32_MAX)
        return add_extra(unwinder, tables, e);
    e->at = range->addr;
    e->size = (uint32_t)range->size;
    return oji_sheet_add(unwinder, tables, 0, 0, tables->n_fdes);
}

oj_status oji_unwind_add(const oji_unwind_tables *tables, uint64_t addr, void **handle, oj_error *error)
{
    const oji_unwinder *unwinder;
    const oji_unwind_range *last = &tables->ranges[tables->n_ranges - 1];
    uint32_t index;
    *handle = NULL;
    /* The upper half of all addresses is the kernel's: nothing of this process runs there. */
    if (tables->n_fdes == 0 || last->addr >> 63 || (last->addr + last->size) >> 63)
        return OJ_OK;
    unwinder = oji_unwinder_bind();
    if (unwinder->kind == OJI_UNWINDER_NONE && !unwinder->add_entry)
        return OJ_OK;
    lock_registry();
    index = take_entry();
    if (index > 0) {
        entry_of(index)->addr = addr;
        if (!add(unwinder, tables, entry_of(index))) {
            free_entry(index);
            index = 0;
        }
    }
    unlock();
    if (index == 0)
        return oji_fail_nomem(error, tables->n_fdes * (uint64_t)OJI_CELL_SIZE, "unwind tables");
    *handle = (void *)(uintptr_t)index;
    return OJ_OK;
}

/* --- records ------------------------------------------------------------------------------------------------------ */

/* A record without a handle says where a table is, and nothing is registered for it. */
static bool is_known(const oj_record *record)
{
    uintptr_t index = (uintptr_t)record->data;
    bool is_ours;
    if (index == 0)
        return true;
    lock_registry();
    is_ours = index <= registry.n && record->addr != 0 && entry_of(index)->addr == record->addr;
    unlock();
    return is_ours;
}

static void undo(const oj_record *record)
{
    uint32_t index = (uint32_t)(uintptr_t)record->data;
    if (index == 0)
        return;
    lock_registry();
    remove_all(oji_unwinder_bind(), entry_of(index));
    free_entry(index);
    unlock();
}

const oji_registry oji_unwind_registry = {"unwind tables", is_known, undo};

/* --- what a client may ask ---------------------------------------------------------------------------------------- */

/* From the first code segment's start to the last one's end. */
static oji_unwind_range text_of(const oj_code *code)
{
    uint64_t low = UINT64_MAX, high = 0;
    for (uint32_t i = 0; i < code->n_segments; i++) {
        const oji_code_segment *segment = &oji_code_segments(code)[i];
        if (segment->kind != OJ_SEGMENT_CODE)
            continue;
        low = segment->run_addr < low ? segment->run_addr : low;
        high = segment->run_addr + segment->size > high ? segment->run_addr + segment->size : high;
    }
    return (oji_unwind_range){high ? low : 0, high ? high - low : 0};
}

/* The first record of a link has the handle for all of its tables; each index has its own. */
oj_status oj_code_unwind(const oj_code *code, size_t index, oj_unwind_info *info, size_t out_size)
{
    bool is_registered = false;
    if (!info)
        return OJ_E_MISUSE;
    memset(info, 0, out_size);
    for (uint32_t i = 0; code && i < code->n_records; i++) {
        const oj_record *record = &oji_code_records(code)[i];
        oj_unwind_info full = {0};
        if (record->kind != OJ_RECORD_UNWIND && record->kind != OJ_RECORD_INDEX)
            continue;
        is_registered = record->data || (is_registered && record->kind == OJ_RECORD_UNWIND);
        if (index-- > 0)
            continue;
        full.run_addr = record->addr;
        full.size = record->size;
        full.text_addr = text_of(code).addr;
        full.text_size = text_of(code).size;
        full.is_registered = is_registered;
        oji_export(info, out_size, &full, sizeof full);
        return OJ_OK;
    }
    return OJ_E_MISUSE;
}
