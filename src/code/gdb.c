/* The list of symbol files that debuggers read: gdb finds the descriptor and the function below by their names, stops
 * the process in the function, and looks what has changed.
 *
 * What a debugger does at each stop grows with the number of symbol files it has, so that thousands of them, one for
 * each code, would cost it the square of their number. So small codes share files: as soon as there are eight files of
 * one size, one that has all of theirs replaces them, up to a bound. Each code is then told of a few times, and there
 * are a small fraction of as many files as codes. A file that replaces others is made known before they are withdrawn,
 * so that no breakpoint loses its place.
 *
 * What is kept for a code alone, its information or a file of its own, is in memory of its link's allocator, which is
 * called without the lock. Shared files outlive any of their codes, and with it perhaps its allocator: they are in the
 * heap of the process, as the list is.
 * Source: gdb manual, "JIT Compilation Interface". */
#include "code/debug.h"

#include "base/forks.h"

#include <pthread.h>
#include <stdlib.h>

/* --- the interface: names and layout are gdb's -------------------------------------------------------------------- */

typedef struct jit_entry {
    struct jit_entry *next;
    struct jit_entry *prev;
    const void *file;
    uint64_t size; /* bytes */
} jit_entry;

enum { ACTION_NONE = 0, ACTION_REGISTER = 1, ACTION_UNREGISTER = 2 };

typedef struct jit_descriptor {
    uint32_t version;
    uint32_t action;
    jit_entry *relevant;
    jit_entry *first;
} jit_descriptor;

/* Both names are local to this file: a debugger reads local symbols too, and what other libraries in the process have
 * of these names, libLLVM for one, must neither be taken for ours nor ours for theirs. A stripped library has no local
 * symbols; the shared one exports them again (meson.build). */
static jit_descriptor __jit_debug_descriptor __attribute__((used)) = {.version = 1};

static void __attribute__((noinline, used)) __jit_debug_register_code(void)
{
    /* The debugger's breakpoint: everything stored before is to be in memory, and the call may not go. */
    __asm__ volatile("" : : : "memory");
}

/* What the linker gives the exported names to. */
extern jit_descriptor oji_gdb_descriptor __attribute__((alias("__jit_debug_descriptor"), visibility("default")));
extern void oji_gdb_register_code(void) __attribute__((alias("__jit_debug_register_code"), visibility("default")));

static void notify(uint32_t action, jit_entry *entry)
{
    __jit_debug_descriptor.action = action;
    __jit_debug_descriptor.relevant = entry;
    __jit_debug_register_code();
    __jit_debug_descriptor.action = ACTION_NONE;
    __jit_debug_descriptor.relevant = NULL;
}

/* A debugger may stop the process between any two instructions, and reads the list from its start: what leads to an
 * entry is stored after all that the entry says. */
static void lead_to(jit_entry **where, jit_entry *entry) { __atomic_store_n(where, entry, __ATOMIC_RELEASE); }

static void add_entry(jit_entry *entry)
{
    entry->prev = NULL;
    entry->next = __jit_debug_descriptor.first;
    if (entry->next)
        entry->next->prev = entry;
    lead_to(&__jit_debug_descriptor.first, entry);
    notify(ACTION_REGISTER, entry);
}

static void remove_entry(jit_entry *entry)
{
    lead_to(entry->prev ? &entry->prev->next : &__jit_debug_descriptor.first, entry->next);
    if (entry->next)
        entry->next->prev = entry->prev;
    notify(ACTION_UNREGISTER, entry);
}

/* --- codes and files ---------------------------------------------------------------------------------------------- */

enum {
    FILES_TO_JOIN = 8,
    RANKS = 3,               /* files of up to 7, 63 and 511 codes */
    ALONE = RANKS,           /* the rank of a large code's file, which is never joined with others */
    LARGE_CODE = 128 * 1024, /* bytes of information */
    CODES_IN_FILE = 512,     /* bounds what destroying one code costs */
    SECTIONS_IN_FILE = 32 * 1024,
    LARGEST_TO_JOIN = 512 * 1024 /* bytes of a file: so does this, as it is written anew */
};

struct file;

/* One code. Everything below lies in its own block. */
typedef struct part {
    oji_debug_info info; /* empty where the code has a file of its own */
    uint64_t id;         /* serial number, and index in slots + 1 */
    uint64_t addr;
    uint64_t size;
    uint64_t block_size;    /* bytes of this block */
    oj_allocator allocator; /* of this block, and of a file of its own */
    struct file *file;
    struct part *next; /* in the file */
} part;

typedef struct file {
    jit_entry entry; /* first: what the debugger sees */
    void *bytes;
    const oj_allocator *allocator;
    part *parts;
    uint32_t n_parts;
    uint32_t rank;
    uint32_t n_ranges;
    struct file *next; /* of its rank */
    struct file *prev;
} file;

/* Slots make a record that a client hands back checkable without following it. */
typedef struct slot {
    part *used;
    uint32_t next_free; /* index + 1, 0 = none */
} slot;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static file *files[RANKS + 1];
static uint32_t n_files[RANKS + 1];
static slot *slots;
static uint32_t n_slots, slots_capacity, first_free;
static uint32_t serial;
static oj_allocator heap; /* of all that is not one code's */
static oj_debugger_stats stats;

OJI_FORK_HANDLERS(pthread_mutex_lock(&lock), pthread_mutex_unlock(&lock))
/* A child goes on with a copy of the list, which nobody was changing. Should this fail for want of memory, a child of
 * a fork in the middle of a registration could not register. */
static void start(void)
{
    (void)oji_allocator_import(&heap, NULL, NULL);
    (void)pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork);
}

static uint32_t rank_of(uint32_t n_parts)
{
    uint32_t rank = 0;
    for (uint32_t bound = FILES_TO_JOIN; rank + 1 < RANKS && n_parts >= bound; bound *= FILES_TO_JOIN)
        rank++;
    return rank;
}

static void list_file(file *f)
{
    f->prev = NULL;
    f->next = files[f->rank];
    if (f->next)
        f->next->prev = f;
    files[f->rank] = f;
    n_files[f->rank]++;
}

static void unlist_file(file *f)
{
    if (f->prev)
        f->prev->next = f->next;
    else
        files[f->rank] = f->next;
    if (f->next)
        f->next->prev = f->prev;
    n_files[f->rank]--;
}

static uint64_t *account_of(const file *f) { return f->rank == ALONE ? &stats.own_size : &stats.shared_size; }

/* No debugger knows of it. NULL does nothing. */
static void free_file(file *f)
{
    if (!f)
        return;
    oji_release(f->allocator, f->bytes, f->entry.size);
    oji_release(f->allocator, f, sizeof *f);
}

/* Make a file of what `infos` say. NULL where memory ends. */
static file *create_file(const oji_debug_info *const *infos, uint32_t n_infos, uint32_t rank,
                         const oj_allocator *allocator)
{
    file *f = oji_allocate_zeroed(allocator, sizeof *f);
    if (!f)
        return NULL;
    f->allocator = allocator;
    f->bytes = oji_gdb_make_file(infos, n_infos, allocator, &f->entry.size);
    if (!f->bytes) {
        oji_release(allocator, f, sizeof *f);
        return NULL;
    }
    f->entry.file = f->bytes;
    f->n_parts = n_infos;
    f->rank = rank;
    for (uint32_t i = 0; i < n_infos; i++)
        f->n_ranges += infos[i]->n_ranges;
    return f;
}

static void announce_file(file *f)
{
    list_file(f);
    stats.n_files++;
    *account_of(f) += sizeof *f + f->entry.size;
    add_entry(&f->entry);
}

/* Its parts are another's by now, or gone. */
static void withdraw_file(file *f)
{
    unlist_file(f);
    stats.n_files--;
    *account_of(f) -= sizeof *f + f->entry.size;
    remove_entry(&f->entry);
}

/* One file for all parts but `without` of the files that are given; NULL where memory ends, and nothing has changed.
 * Parts go to the new file; the old ones are left to be withdrawn. */
static file *join(file *const *old, uint32_t n_old, const part *without)
{
    const oji_debug_info *infos[CODES_IN_FILE] = {NULL};
    uint32_t n = 0;
    file *made;
    for (uint32_t i = 0; i < n_old; i++)
        for (part *p = old[i]->parts; p; p = p->next)
            if (p != without)
                infos[n++] = &p->info;
    made = create_file(infos, n, rank_of(n), &heap);
    if (made && made->entry.size > LARGEST_TO_JOIN)
        made->rank = RANKS - 1;
    if (made)
        announce_file(made);
    for (uint32_t i = 0; made && i < n_old; i++)
        for (part *p = old[i]->parts, *next; p; p = next) {
            next = p->next;
            if (p == without)
                continue;
            p->file = made;
            p->next = made->parts;
            made->parts = p;
        }
    return made;
}

/* Where memory ends the files stay as they are: they are as good, only more. */
static void join_rank(uint32_t rank)
{
    file *old[FILES_TO_JOIN];
    uint32_t n = 0, n_parts = 0, n_ranges = 0;
    for (file *f = files[rank]; f && n < FILES_TO_JOIN; f = f->next) {
        old[n++] = f;
        n_parts += f->n_parts;
        n_ranges += f->n_ranges;
    }
    if (n < FILES_TO_JOIN || n_parts > CODES_IN_FILE || n_ranges > SECTIONS_IN_FILE || !join(old, n, NULL))
        return;
    for (uint32_t i = 0; i < n; i++) {
        withdraw_file(old[i]);
        free_file(old[i]);
    }
}

/* Ascending, as joining one rank may fill the next. The last rank's files are large enough. */
static void join_files(void)
{
    for (uint32_t rank = 0; rank + 1 < RANKS; rank++)
        if (n_files[rank] >= FILES_TO_JOIN)
            join_rank(rank);
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

static uint64_t align8(uint64_t value) { return (value + 7) & ~UINT64_C(7); }

static uint64_t size_of(const oji_debug_info *info)
{
    uint64_t size = align8(info->names_size) + info->n_fixes * sizeof *info->fixes +
                    info->n_ranges * sizeof *info->ranges + info->n_symbols * sizeof *info->symbols;
    for (int k = 0; k < OJI_DEBUG_SECTIONS; k++)
        size += align8(info->sections[k].size);
    return size;
}

static void *copy(uint8_t **next, const void *from, uint64_t size)
{
    uint8_t *to = *next;
    if (size > 0)
        memcpy(to, from, (size_t)size);
    *next += align8(size);
    return to;
}

/* Unwind tables are in the section for frames by now. */
static part *create_part(const oji_debug_info *info, bool is_alone, const oj_allocator *allocator)
{
    uint64_t size = sizeof(part) + (is_alone ? 0 : size_of(info));
    part *p = oji_allocate_zeroed(allocator, size);
    uint8_t *next;
    if (!p)
        return NULL;
    next = (uint8_t *)(p + 1);
    p->block_size = size;
    p->allocator = *allocator;
    p->addr = info->n_ranges > 0 ? info->ranges[0].addr : 0;
    p->size = info->n_ranges > 0 ? info->ranges[0].size : 0;
    if (is_alone)
        return p;
    p->info = *info;
    p->info.unwind = NULL;
    p->info.n_unwind = 0;
    p->info.fixes = copy(&next, info->fixes, info->n_fixes * sizeof *info->fixes);
    p->info.ranges = copy(&next, info->ranges, info->n_ranges * sizeof *info->ranges);
    p->info.symbols = copy(&next, info->symbols, info->n_symbols * sizeof *info->symbols);
    p->info.names = copy(&next, info->names, info->names_size);
    for (int k = 0; k < OJI_DEBUG_SECTIONS; k++)
        p->info.sections[k].bytes = copy(&next, info->sections[k].bytes, info->sections[k].size);
    return p;
}

/* Room for one more; doubled, so that many cost little each. */
static bool reserve_slot(void)
{
    uint32_t capacity = slots_capacity ? slots_capacity * 2 : 16;
    slot *grown;
    if (first_free != 0 || n_slots < slots_capacity)
        return true;
    if (slots_capacity > UINT32_MAX / 4)
        return false;
    grown = realloc(slots, capacity * sizeof *slots);
    if (!grown)
        return false;
    slots = grown;
    slots_capacity = capacity;
    return true;
}

/* Needs reserve_slot(). */
static void take_slot(part *p)
{
    uint32_t index = first_free ? first_free - 1 : n_slots;
    if (first_free)
        first_free = slots[index].next_free;
    else
        n_slots++;
    slots[index] = (slot){.used = p};
    p->id = (uint64_t)++serial << 32 | (index + 1);
}

static void give_slot(const part *p)
{
    uint32_t index = (uint32_t)p->id - 1;
    slots[index] = (slot){.next_free = first_free};
    first_free = index + 1;
}

/* The allocator lies in the block that it frees. NULL does nothing. */
static void free_part(part *p)
{
    if (p) {
        oj_allocator allocator = p->allocator;
        oji_release(&allocator, p, p->block_size);
    }
}

/* Needs the lock. False where memory ends. */
static bool add_part(part *p, file *f)
{
    if (!reserve_slot())
        return false;
    take_slot(p);
    p->file = f;
    f->parts = p;
    stats.n_codes++;
    stats.own_size += p->block_size;
    announce_file(f);
    join_files();
    return true;
}

oj_status oji_gdb_register(const oji_debug_info *info, const oj_allocator *allocator, oj_record *record,
                           oj_error *error)
{
    uint64_t size = size_of(info);
    bool is_alone = size > LARGE_CODE, is_added = false;
    part *p = create_part(info, is_alone, allocator);
    file *f = NULL;
    pthread_once(&once, start);
    if (p)
        f = create_file(&info, 1, is_alone ? ALONE : 0, is_alone ? &p->allocator : &heap);
    if (f) {
        pthread_mutex_lock(&lock);
        is_added = add_part(p, f);
        if (is_added)
            *record = (oj_record){
                .kind = OJ_RECORD_DEBUGGER, .addr = p->addr, .size = p->size, .data = (void *)(uintptr_t)p->id};
        pthread_mutex_unlock(&lock);
    }
    if (is_added)
        return OJ_OK;
    free_file(f);
    free_part(p);
    return oji_fail_nomem(error, size, "a symbol file for debuggers");
}

oj_status oj_debugger_get_stats(oj_debugger_stats *out, size_t out_size)
{
    oj_debugger_stats ours;
    if (!out)
        return OJ_E_MISUSE;
    pthread_once(&once, start);
    pthread_mutex_lock(&lock);
    ours = stats;
    pthread_mutex_unlock(&lock);
    oji_export(out, out_size, &ours, sizeof ours);
    return OJ_OK;
}

/* Needs the lock. Where pointers have 32 bits a record has the index alone. */
static part *find_part(const oj_record *record)
{
    uintptr_t id = (uintptr_t)record->data;
    uint32_t index = (uint32_t)id - 1;
    part *p = (uint32_t)id != 0 && index < n_slots ? slots[index].used : NULL;
    return p && (uintptr_t)p->id == id && p->addr == record->addr && p->size == record->size ? p : NULL;
}

static bool is_known(const oj_record *record)
{
    bool is_found;
    pthread_once(&once, start);
    pthread_mutex_lock(&lock);
    is_found = find_part(record) != NULL;
    pthread_mutex_unlock(&lock);
    return is_found;
}

/* The code is about to go, so its file must, whether or not there is memory for another with the rest: without it the
 * rest go on without symbols. Needs the lock; the file is to be freed without it. */
static file *remove_part(part *p)
{
    file *f = p->file;
    bool is_rest_kept = f && f->n_parts > 1 && join(&f, 1, p) != NULL;
    give_slot(p);
    stats.n_codes--;
    stats.own_size -= p->block_size;
    if (!f)
        return NULL;
    if (!is_rest_kept)
        for (part *other = f->parts; other; other = other->next)
            other->file = NULL;
    withdraw_file(f);
    if (is_rest_kept)
        join_files();
    return f;
}

static void undo(const oj_record *record)
{
    file *f = NULL;
    part *p;
    pthread_mutex_lock(&lock);
    p = find_part(record);
    if (p)
        f = remove_part(p);
    pthread_mutex_unlock(&lock);
    free_file(f);
    free_part(p);
}

const oji_registry oji_gdb_registry = {"a debugger's symbol file", is_known, undo};
