/* The registry of unwind tables: one lock, and what is needed to know a record again and undo it. */
#include "code/unwind.h"

#include "base/forks.h"
#include "base/signals.h"

#include <pthread.h>

/* What undoing a link of several ranges takes, or one of images. */
typedef struct extra {
    uint32_t n;
    uint32_t capacity; /* parts that it was allocated for */
    bool is_by_stretch;
    struct {
        oji_unwind_range range;
        oji_image *image; /* NULL in tables that many share */
    } parts[];
} extra;

/* Nothing is kept for a link of one range in a sheet or in leaves: its record has the address of its first function's
 * entry, a multiple of 4. Others have an index here, times 2 plus 1. */
typedef struct entry {
    uint64_t addr; /* as in the record; 0 of free entries */
    uint64_t at;   /* address of the extra; of a free entry the next one's index + 1 */
} entry;

#define BLOCK 512u /* entries: they come in blocks, so that growth neither copies nor keeps room free */

static struct {
    pthread_mutex_t lock;
    entry **blocks;
    uint32_t n_blocks;
    uint32_t capacity; /* of blocks */
    uint32_t n;        /* entries that were used at some time; numbers are indices + 1 */
    uint32_t first_free;
    uint32_t n_used;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static entry *entry_of(uint64_t number) { return &registry.blocks[(number - 1) / BLOCK][(number - 1) % BLOCK]; }

static bool is_entry(const void *handle) { return ((uintptr_t)handle & 1) != 0; }

/* --- fork: a child finds the lock free and everything whole ------------------------------------------------------- */

/* Of who has the lock. */
static bool has_blocked;
static sigset_t mask_before;

static void lock(void) { pthread_mutex_lock(&registry.lock); }

static void unlock(void)
{
    sigset_t before;
    if (!has_blocked) {
        pthread_mutex_unlock(&registry.lock);
        return;
    }
    before = mask_before;
    has_blocked = false;
    pthread_mutex_unlock(&registry.lock);
    oji_unblock_signals(&before);
}

/* Two system calls: most links and removals do without. Where look-ups take the unwinder's lock, its holder may be a
 * thread that was stopped in the middle of a throw, by a collector that waits for this one to stop as well: then only
 * those are kept out that do not stop it. A tree is locked by nobody but who registers. */
void oji_unwind_block_signals(void)
{
    const oji_unwinder *unwinder = oji_unwinder_current();
    bool is_tree = unwinder->kind == OJI_UNWINDER_TREE || unwinder->kind == OJI_UNWINDER_LEAVES;
    if (has_blocked)
        return;
    if (is_tree && !unwinder->add_entry)
        oji_block_signals(&mask_before);
    else
        oji_block_profilers(&mask_before);
    has_blocked = true;
}

OJI_FORK_HANDLERS(lock(), unlock())

/* Fails only for want of memory; forks of programs that link in several threads are then what they are without it. */
static void start(void) { (void)pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork); }

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
    uint32_t number = registry.first_free;
    if (number == 0) {
        if (registry.n == registry.n_blocks * BLOCK && !grow())
            return 0;
        number = ++registry.n;
    } else {
        registry.first_free = (uint32_t)entry_of(number)->at;
    }
    registry.n_used++;
    memset(entry_of(number), 0, sizeof(entry));
    return number;
}

static void free_all(void)
{
    for (uint32_t i = 0; i < registry.n_blocks; i++)
        oji_release(oji_unwind_heap(), registry.blocks[i], BLOCK * sizeof(entry));
    oji_release(oji_unwind_heap(), registry.blocks, registry.capacity * sizeof(entry *));
    registry.blocks = NULL;
    registry.n = registry.n_blocks = registry.capacity = registry.first_free = 0;
}

static void free_entry(uint32_t number)
{
    *entry_of(number) = (entry){.at = registry.first_free};
    registry.first_free = number;
    if (--registry.n_used == 0)
        free_all();
}

static uint64_t extra_size(uint32_t n) { return sizeof(extra) + n * sizeof(((extra *)0)->parts[0]); }

/* --- adding and removing ------------------------------------------------------------------------------------------ */

static extra *extra_of(const entry *e) { return (extra *)(uintptr_t)e->at; }

/* To a table that many share. NULL where memory ends, or where the functions are to have a table of their own. */
static void *add_shared(const oji_unwinder *unwinder, const oji_unwind_part *part, bool *is_own)
{
    *is_own = false;
    if (unwinder->kind == OJI_UNWINDER_SHEETS)
        return oji_sheet_add(unwinder, part);
    if (unwinder->kind == OJI_UNWINDER_LEAVES && oji_leaves_want(part->range))
        return oji_leaves_add(unwinder, part, is_own);
    *is_own = true;
    return NULL;
}

static void remove_shared(const oji_unwinder *unwinder, const oji_unwind_range *range)
{
    if (unwinder->kind == OJI_UNWINDER_SHEETS)
        oji_sheet_remove(unwinder, range);
    else
        oji_leaves_remove(unwinder, range);
}

static void remove_parts(const oji_unwinder *unwinder, const extra *parts)
{
    for (uint32_t i = 0; i < parts->n; i++) {
        if (parts->parts[i].image)
            oji_image_remove(unwinder, parts->parts[i].image);
        else
            remove_shared(unwinder, &parts->parts[i].range);
    }
}

/* FDEs from `first` on that lie in the range; both ascend. */
static uint32_t count_in(const oji_unwind_tables *tables, uint32_t first, const oji_unwind_range *range)
{
    uint32_t n = 0;
    while (first + n < tables->n_fdes && tables->fdes[first + n].addr - range->addr < range->size)
        n++;
    return n;
}

static oji_unwind_part part_of(const oji_unwind_tables *tables, uint32_t range, uint32_t first, uint32_t n)
{
    const oji_unwind_range *r = &tables->ranges[range];
    return (oji_unwind_part){tables, r, first, n, r->addr, r->addr + r->size};
}

static bool add_part(const oji_unwinder *unwinder, const oji_unwind_part *part, extra *parts)
{
    bool is_own;
    oji_image *image = NULL;
    if (!add_shared(unwinder, part, &is_own) && !(is_own && (image = oji_image_add(unwinder, part))))
        return false;
    parts->parts[parts->n].range = *part->range;
    parts->parts[parts->n].image = image;
    parts->n++;
    return true;
}

/* Some of a range's stretches may be taken. */
static uint64_t count_stretches(const oji_unwind_range *range)
{
    return (range->addr + range->size - 1) / OJ_SEGMENT_STRETCH - range->addr / OJ_SEGMENT_STRETCH + 1;
}

/* Stretches without a function are passed over. */
static bool add_by_stretch(const oji_unwinder *unwinder, const oji_unwind_part *whole, extra *parts)
{
    const oji_eh_fde *fdes = whole->tables->fdes;
    uint32_t first = whole->first, end = whole->first + whole->n;
    for (uint64_t low = whole->low, next; low < whole->high; low = next) {
        oji_unwind_part part = *whole;
        next = (low / OJ_SEGMENT_STRETCH + 1) * OJ_SEGMENT_STRETCH;
        while (first < end && fdes[first].addr + fdes[first].size <= low)
            first++;
        part.first = first;
        for (part.n = 0; first + part.n < end && fdes[first + part.n].addr < next; part.n++)
            ;
        part.low = low;
        part.high = next < whole->high ? next : whole->high;
        if (part.n > 0 && !add_part(unwinder, &part, parts))
            return false;
    }
    return true;
}

/* Ranges without a function are passed over. */
static bool add_parts(const oji_unwinder *unwinder, const oji_unwind_tables *tables, extra *parts)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < tables->n_ranges && first < tables->n_fdes; i++) {
        uint32_t n = count_in(tables, first, &tables->ranges[i]);
        oji_unwind_part part = part_of(tables, i, first, n);
        if (n == 0)
            continue;
        if (parts->is_by_stretch ? !add_by_stretch(unwinder, &part, parts) : !add_part(unwinder, &part, parts))
            return false;
        first += n;
    }
    return true;
}

static extra *make_extra(const oji_unwinder *unwinder, const oji_unwind_tables *tables)
{
    uint64_t capacity = 0;
    bool is_by_stretch = false;
    extra *parts;
    for (uint32_t i = 0; unwinder->kind == OJI_UNWINDER_LEAVES && i < tables->n_ranges; i++)
        is_by_stretch |= oji_leaves_want(&tables->ranges[i]);
    for (uint32_t i = 0; i < tables->n_ranges; i++)
        capacity += is_by_stretch ? count_stretches(&tables->ranges[i]) : 1;
    parts = capacity <= UINT32_MAX ? oji_allocate_zeroed(oji_unwind_heap(), extra_size((uint32_t)capacity)) : NULL;
    if (!parts)
        return NULL;
    parts->capacity = (uint32_t)capacity;
    parts->is_by_stretch = is_by_stretch;
    if (add_parts(unwinder, tables, parts))
        return parts;
    remove_parts(unwinder, parts);
    oji_release(oji_unwind_heap(), parts, extra_size(parts->capacity));
    return NULL;
}

/* NULL where memory ends. */
static void *add(const oji_unwinder *unwinder, const oji_unwind_tables *tables, uint64_t addr)
{
    extra *parts;
    uint32_t number;
    bool is_own = true;
    oji_unwind_part all = part_of(tables, 0, 0, tables->n_fdes);
    void *head = tables->n_ranges == 1 ? add_shared(unwinder, &all, &is_own) : NULL;
    if (head || !is_own)
        return head;
    number = take_entry();
    parts = number > 0 ? make_extra(unwinder, tables) : NULL;
    if (!parts) {
        if (number > 0)
            free_entry(number);
        return NULL;
    }
    *entry_of(number) = (entry){.addr = addr, .at = (uintptr_t)parts};
    return (void *)((uintptr_t)number * 2 + 1);
}

const oji_unwinder *oji_unwinder_bind(void)
{
    oji_unwinder libgcc = {0};
    if (oji_unwinder_look_for_libgcc(&libgcc)) {
        lock_registry();
        oji_unwinder_use_libgcc(&libgcc);
        unlock();
    }
    return oji_unwinder_current();
}

/* An unwinder that was loaded late learns of all that there is. */
static void tell_llvm(const oji_unwinder *unwinder, const oji_unwinder *llvm)
{
    if (unwinder->add_entry)
        return;
    oji_unwind_block_signals();
    oji_unwinder_use_llvm(llvm);
    oji_sheet_for_each(llvm->add_entry);
    oji_leaves_for_each(llvm->add_entry);
    for (uint32_t number = 1; number <= registry.n; number++) {
        const extra *parts = entry_of(number)->addr != 0 ? extra_of(entry_of(number)) : NULL;
        for (uint32_t i = 0; parts && i < parts->n; i++)
            oji_image_for_each(parts->parts[i].image, llvm->add_entry);
    }
}

/* The record is of the functions' addresses, from the first one on: of one range up to its end. */
oj_status oji_unwind_add(const oji_unwind_tables *tables, oj_record *record, oj_error *error)
{
    const oji_unwinder *unwinder;
    const oji_unwind_range *last = &tables->ranges[tables->n_ranges - 1];
    oji_unwinder llvm = {0};
    bool is_told, is_new;
    record->data = NULL;
    /* The upper half of all addresses is the kernel's: nothing of this process runs there. */
    if (tables->n_fdes == 0 || last->addr >> 63 || (last->addr + last->size) >> 63)
        return OJ_OK;
    unwinder = oji_unwinder_bind();
    is_new = oji_unwinder_look_for_llvm(&llvm);
    lock_registry();
    if (is_new)
        tell_llvm(unwinder, &llvm);
    is_told = unwinder->kind != OJI_UNWINDER_NONE || unwinder->add_entry;
    if (is_told) {
        record->kind = OJ_RECORD_UNWIND;
        record->addr = tables->fdes[0].addr;
        record->size = last->addr + last->size - record->addr;
        record->data = add(unwinder, tables, record->addr);
    }
    unlock();
    if (is_told && !record->data)
        return oji_fail_nomem(error, tables->n_fdes * (uint64_t)OJI_EH_FDE_DATA, "unwind tables");
    return OJ_OK;
}

/* --- code in shared slabs ----------------------------------------------------------------------------------------- */

#define MOST_SIZE UINT64_C(0x7fffffff) /* of a segment */

static bool has_counted; /* read without the lock: most processes count nothing */

static bool is_counted(uint32_t kind, uint32_t flags) { return kind == OJ_SEGMENT_CODE && (flags & OJ_SEGMENT_SHARED); }

/* Locked. */
static bool count_segments(const oji_code_segment *segments, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const oji_code_segment *s = &segments[i];
        if (!is_counted(s->kind, s->flags) || oji_stretches_add_code(s->run_addr, s->run_addr + s->size))
            continue;
        while (i-- > 0)
            if (is_counted(segments[i].kind, segments[i].flags))
                oji_stretches_remove_code(segments[i].run_addr, segments[i].run_addr + segments[i].size);
        return false;
    }
    return true;
}

bool oji_unwind_enter_code(oj_code *code)
{
    const oji_code_segment *segments = oji_code_segments(code);
    bool is_any = false;
    if (!oji_unwinder_may_have_leaves())
        return true;
    for (uint32_t i = 0; i < code->n_segments; i++)
        is_any |= is_counted(segments[i].kind, segments[i].flags);
    if (!is_any)
        return true;
    lock_registry();
    code->is_counted = count_segments(segments, code->n_segments);
    __atomic_store_n(&has_counted, oji_stretches_have_any_code(), __ATOMIC_RELAXED);
    unlock();
    return code->is_counted;
}

void oji_unwind_leave_code(const oj_segment *segments, size_t n_segments)
{
    if (!__atomic_load_n(&has_counted, __ATOMIC_RELAXED))
        return;
    lock_registry();
    for (size_t i = 0; i < n_segments; i++) {
        const uint64_t low = segments[i].run_addr, high = low + segments[i].size;
        if (!is_counted(segments[i].kind, segments[i].flags) || high <= low || segments[i].size > MOST_SIZE)
            continue;
        oji_stretches_remove_code(low, high);
        oji_leaves_end_without_code(low, high);
    }
    __atomic_store_n(&has_counted, oji_stretches_have_any_code(), __ATOMIC_RELAXED);
    unlock();
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static bool is_number(uintptr_t number, uint64_t addr)
{
    return number > 0 && number <= registry.n && addr != 0 && entry_of(number)->addr == addr;
}

static bool is_shared(const oj_record *record)
{
    return oji_unwinder_current()->kind == OJI_UNWINDER_SHEETS ? oji_sheet_has(record->data, record->addr)
                                                               : oji_leaves_have(record->data, record->addr);
}

/* A record without a handle says where a table is, and nothing is registered for it. */
static bool is_known(const oj_record *record)
{
    bool is_ours;
    if (!record->data)
        return true;
    lock_registry();
    is_ours = is_entry(record->data) ? is_number((uintptr_t)record->data / 2, record->addr) : is_shared(record);
    unlock();
    return is_ours;
}

static void undo(const oj_record *record)
{
    const oji_unwinder *unwinder = oji_unwinder_current();
    const oji_unwind_range range = {.addr = record->addr, .size = record->size};
    if (!record->data)
        return;
    lock_registry();
    if (is_entry(record->data)) {
        uint32_t number = (uint32_t)((uintptr_t)record->data / 2);
        extra *parts = extra_of(entry_of(number));
        remove_parts(unwinder, parts);
        oji_release(oji_unwind_heap(), parts, extra_size(parts->capacity));
        free_entry(number);
    } else {
        remove_shared(unwinder, &range);
    }
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
    return (oji_unwind_range){.addr = high ? low : 0, .size = high ? high - low : 0};
}

/* The record that has the handle of all tables comes first, and is of no table; each index has its own. */
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
        if ((record->kind == OJ_RECORD_UNWIND && record->data) || index-- > 0)
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
