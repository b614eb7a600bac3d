/* The registry of indexes of unwind entries: a sorted array under one lock. */
#include "code/index.h"

#include "base/forks.h"

#include <pthread.h>

typedef struct entry {
    uintptr_t code;
    uintptr_t end; /* of the code, exclusive */
    uintptr_t index;
    uint32_t n_entries;
} entry;

static struct {
    pthread_mutex_t lock;
    entry *entries; /* ascending, apart */
    uint32_t n;
    uint32_t capacity;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- fork: a child finds the lock free and everything whole ------------------------------------------------------- */

static void lock(void) { pthread_mutex_lock(&registry.lock); }
static void unlock(void) { pthread_mutex_unlock(&registry.lock); }

OJI_FORK_HANDLERS(lock(), unlock())

/* Fails only for want of memory; forks of programs that link in several threads are then what they are without it. */
static void start(void) { (void)pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork); }

static const oj_allocator *heap(void)
{
    static oj_allocator allocator;
    if (!allocator.allocate)
        (void)oji_allocator_import(&allocator, NULL, NULL);
    return &allocator;
}

/* --- the array: locked -------------------------------------------------------------------------------------------- */

/* The first entry whose code ends behind the address. */
static uint32_t position_of(uintptr_t addr)
{
    uint32_t low = 0, high = registry.n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (registry.entries[middle].end <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool grow(void)
{
    uint32_t capacity = registry.capacity ? registry.capacity * 2 : 16;
    entry *grown;
    if (registry.n < registry.capacity)
        return true;
    grown = capacity > registry.n ? oji_allocate(heap(), capacity * sizeof *grown) : NULL;
    if (!grown)
        return false;
    if (registry.n > 0)
        memcpy(grown, registry.entries, registry.n * sizeof *grown);
    oji_release(heap(), registry.entries, registry.capacity * sizeof *grown);
    registry.entries = grown;
    registry.capacity = capacity;
    return true;
}

static bool insert(const entry *added)
{
    uint32_t at = position_of(added->code);
    if (!grow())
        return false;
    memmove(&registry.entries[at + 1], &registry.entries[at], (registry.n - at) * sizeof *added);
    registry.entries[at] = *added;
    registry.n++;
    return true;
}

/* NULL where the record is none of this registry's. A record's data is where its code starts. */
static entry *find_record(const oj_record *record)
{
    uintptr_t code = (uintptr_t)record->data;
    uint32_t at = position_of(code);
    return at < registry.n && registry.entries[at].code == code && registry.entries[at].index == record->addr
               ? &registry.entries[at]
               : NULL;
}

static void take_out(entry *taken)
{
    uint32_t at = (uint32_t)(taken - registry.entries);
    memmove(taken, taken + 1, (--registry.n - at) * sizeof *taken);
    if (registry.n > 0)
        return;
    oji_release(heap(), registry.entries, registry.capacity * sizeof *taken);
    registry.entries = NULL;
    registry.capacity = 0;
}

/* --- what others call --------------------------------------------------------------------------------------------- */

bool oji_index_is_empty(void)
{
    bool is_empty;
    lock();
    is_empty = registry.n == 0;
    unlock();
    return is_empty;
}

static void remove_code(uintptr_t code)
{
    lock();
    take_out(&registry.entries[position_of(code)]);
    unlock();
}

/* Calls are led here without the lock: finding out who calls takes the dynamic linker's own, which a thread may hold
 * that throws. The entry is there before, so that whoever removes another, and finds it the last, leads none back. */
oj_status oji_index_add(const oji_index_table *table, void **data, oj_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const entry added = {.code = (uintptr_t)table->code_addr,
                         .end = (uintptr_t)(table->code_addr + table->code_size),
                         .index = (uintptr_t)table->addr,
                         .n_entries = (uint32_t)(table->size / 8)};
    bool fits;
    *data = NULL;
    pthread_once(&once, start);
    lock();
    fits = insert(&added);
    unlock();
    if (!fits)
        return oji_fail_nomem(error, sizeof added, "an index of unwind entries");
    if (oji_index_lead())
        *data = (void *)added.code;
    else
        remove_code(added.code);
    return OJ_OK;
}

uintptr_t oji_index_find(uintptr_t addr, int *n_entries)
{
    uintptr_t found = 0;
    uint32_t at;
    lock();
    at = position_of(addr);
    if (at < registry.n && registry.entries[at].code <= addr) {
        found = registry.entries[at].index;
        *n_entries = (int)registry.entries[at].n_entries;
    }
    unlock();
    return found;
}

/* A record without data says where an index is, and nothing is registered for it. */
static bool is_known(const oj_record *record)
{
    bool is_ours;
    if (!record->data)
        return true;
    lock();
    is_ours = find_record(record) != NULL;
    unlock();
    return is_ours;
}

/* With the last index the calls go where they went: this library may then be unloaded. */
static void undo(const oj_record *record)
{
    entry *taken;
    if (!record->data)
        return;
    lock();
    taken = find_record(record);
    if (taken)
        take_out(taken);
    unlock();
    if (oji_index_is_empty())
        oji_index_lead_back();
}

const oji_registry oji_index_registry = {"an index of unwind entries", is_known, undo};
