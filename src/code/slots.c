/* Sorted arrays of entries that other threads search while functions come and go.
 *
 * Invariant, at every moment and for whoever looks with slots of before and after a store mixed: slots ascend, and
 * every function that is live throughout is found. A store into a free slot keeps that. So does moving one function
 * into the free slot next to it, once nobody is left who saw that slot before: hence a wait for each. */
#include "code/sheet.h"

#include <stddef.h>

/* Behind the last function: no address is as high (x86-64, AArch64: the upper half is the kernel's; 32 bits: no
 * function begins in the last pages). */
#define BEHIND (sizeof(void *) == 8 ? UINT64_C(0xffffffff00000000) : UINT64_C(0xffff0000))
#define FREE_LEAST 8u
#define FREE_EVERY 16u /* a new array has a free slot after so many functions ... */
#define FREE_SHARE 32u /* ... and next to those that are new one for so many of all */
#define REACH 16u      /* as many functions are moved at most to make a slot free */
/* Slots of a small array, the mark's included, and slots at the end that become seen at a time: those that are not yet
 * needed stay untouched. Each time there is a wait, which takes two system calls. */
#define FEW 640u
#define BATCH 640u
#define SPARSE_LEAST 256u            /* slots: what has no more stays as it is */
#define MAPPED (UINT64_C(256) << 10) /* bytes: from here on an array has a mapping of its own */

_Static_assert(offsetof(oji_slots, entries) == offsetof(oji_slots, vector) + sizeof(oji_slots_vector),
               "look-ups find the entries right behind the vector");

static uint8_t *behind; /* the entry of slots at the end */

/* Entries that are in no array any more, and that a look-up may have found before. So many share a wait: each keeps
 * signal handlers out, which costs more than all else that a removal does. */
static struct {
    uint8_t *entries[64];
    uint32_t n;
} ended;

static bool has_removed; /* something, and no wait since */

void oji_sheet_wait(const oji_unwinder *unwinder)
{
    void *bases[4];
    oji_unwind_block_signals();
    (void)unwinder->find((void *)(uintptr_t)1, bases);
    oji_entries_free(ended.entries, ended.n);
    ended.n = 0;
    has_removed = false;
}

bool oji_slots_open(void)
{
    if (!behind)
        behind = oji_entry_make_mark(BEHIND);
    return behind != NULL;
}

void oji_slots_close(void)
{
    oji_entry_free_mark(behind);
    behind = NULL;
}

static uint64_t addr_at(const oji_slots *s, uint64_t index) { return oji_entry_addr(s->entries[index]); }

/* Others read slots while they are stored. */
static void set(oji_slots *s, uint64_t index, uint8_t *entry)
{
    __atomic_store_n(&s->entries[index], entry, __ATOMIC_RELEASE);
}

/* The first slot whose address is above; slot 0 never is. */
static uint64_t find_above(const oji_slots *s, uint64_t addr)
{
    uint64_t low = 1, high = s->vector.n, next = (uint64_t)s->last_touched + 1;
    if (next < high && addr_at(s, next - 1) <= addr) {
        if (addr_at(s, next) > addr)
            return next;
        low = next + 1;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (addr_at(s, middle) <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_behind(const oji_slots *s, uint64_t index) { return s->entries[index] == behind; }
/* Slot 0 is not. */
static bool repeats(const oji_slots *s, uint64_t index)
{
    return index > 0 && index < s->vector.n && s->entries[index] == s->entries[index - 1];
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static uint64_t bytes_of(uint64_t capacity) { return sizeof(oji_slots) + capacity * sizeof(uint8_t *); }

/* Room for `used` slots and more at the end; a mapping's pages cost nothing before they are used. */
static oji_slots *allocate(uint64_t used)
{
    uint64_t capacity = used + FREE_LEAST + used / 2;
    bool is_mapped = bytes_of(capacity) >= MAPPED;
    oji_slots *s;
    if (is_mapped)
        capacity = used * 4;
    s = is_mapped ? oji_unwind_map(bytes_of(capacity)) : oji_allocate(oji_unwind_heap(), bytes_of(capacity));
    if (!s)
        return NULL;
    *s = (oji_slots){.capacity = capacity, .is_mapped = is_mapped};
    return s;
}

void oji_slots_free(oji_slots *s)
{
    if (s && s->is_mapped)
        oji_unwind_unmap(s, bytes_of(s->capacity));
    else if (s)
        oji_release(oji_unwind_heap(), s, bytes_of(s->capacity));
}

/* --- making one --------------------------------------------------------------------------------------------------- */

typedef struct maker {
    oji_slots *made;
    uint64_t n;      /* slots */
    uint64_t n_near; /* free slots on either side of what is new */
    bool was_added;  /* the last function is new */
} maker;

static void append(maker *m, uint8_t *entry, uint64_t n)
{
    while (n-- > 0)
        m->made->entries[m->n++] = entry;
}

/* Free slots behind what is new repeat the function that follows, those in front of it the one before: so there is
 * room for growth in either direction. */
static void append_function(maker *m, uint8_t *entry, bool is_added)
{
    if (is_added && !m->was_added)
        append(m, m->made->entries[m->n - 1], m->n_near);
    append(m, entry, 1 + (m->was_added && !is_added ? m->n_near : 0));
    if (++m->made->n_live % FREE_EVERY == 0)
        append(m, entry, 1);
    if (is_added)
        m->made->last_touched = (uint32_t)(m->n - 1);
    m->was_added = is_added;
}

static void append_old(maker *m, const oji_slots *old, uint8_t *const **added, uint8_t *const *end)
{
    for (uint64_t i = 1; i < old->vector.n; i++) {
        uint8_t *entry = old->entries[i];
        if (repeats(old, i) || entry == behind)
            continue;
        while (*added < end && oji_entry_addr(**added) < oji_entry_addr(entry))
            append_function(m, *(*added)++, true);
        append_function(m, entry, false);
    }
}

/* Slots up to `n` at the end can be seen from then on. */
static void open_to(oji_slots *s, uint64_t n)
{
    for (uint64_t i = s->vector.n; i < n; i++)
        s->entries[i] = behind;
}

/* Room for all that can come to be: new functions are in at most so many runs, between old ones, and each run has free
 * slots next to it. */
static bool begin(maker *m, uint64_t n_old, uint64_t n_added)
{
    uint64_t n_live = n_old + n_added, n_runs = n_old < n_added ? n_old + 1 : n_added, most;
    m->n_near = n_runs > 4 ? 1 : FREE_LEAST + n_live / FREE_SHARE;
    most = 1 + n_live + n_live / FREE_EVERY + 2 * m->n_near * n_runs;
    m->made = most < UINT32_MAX / 8 ? allocate(most) : NULL;
    return m->made != NULL;
}

oji_slots *oji_slots_make(uint8_t *mark, oji_slots *const *olds, uint32_t n_olds, uint8_t *const *added,
                          uint32_t n_added)
{
    uint8_t *const *end = n_added > 0 ? added + n_added : added; /* NULL plus 0 is not defined */
    uint64_t n_old = 0, seen;
    maker m = {.made = NULL};
    for (uint32_t i = 0; i < n_olds; i++)
        n_old += olds[i]->n_live;
    if (!begin(&m, n_old, n_added))
        return NULL;
    append(&m, mark, 1);
    for (uint32_t i = 0; i < n_olds; i++)
        append_old(&m, olds[i], &added, end);
    while (added < end)
        append_function(&m, *added++, true);
    seen = m.n + FREE_LEAST;
    OJI_ASSERT(seen <= m.made->capacity);
    m.made->vector.n = (uintptr_t)m.n;
    open_to(m.made, seen);
    m.made->vector.n = (uintptr_t)seen;
    return m.made;
}

oji_slots *oji_slots_make_few(uint8_t *mark, uint8_t *entry)
{
    oji_slots *s = oji_allocate(oji_unwind_heap(), bytes_of(FEW));
    if (!s)
        return NULL;
    *s = (oji_slots){.capacity = FEW};
    open_to(s, FEW);
    s->entries[0] = mark;
    s->vector.n = FEW;
    oji_slots_restart(s, entry);
    return s;
}

/* Look-ups find nothing in any mixture of before and after, and look for nothing that is in either. */
void oji_slots_restart(oji_slots *s, uint8_t *entry)
{
    for (uint64_t i = s->vector.n - 1; i > 1; i--)
        set(s, i, behind);
    set(s, 1, entry);
    s->n_live = s->last_touched = 1;
}

/* --- functions that come and go ----------------------------------------------------------------------------------- */

/* A look-up that sees the new number must see what is in the slots. */
static void extend(const oji_unwinder *unwinder, oji_slots *s)
{
    uint64_t n = s->capacity - s->vector.n < BATCH ? s->capacity : s->vector.n + BATCH;
    if (s->vector.n == s->capacity)
        return;
    open_to(s, n);
    oji_sheet_wait(unwinder);
    __atomic_store_n(&s->vector.n, (uintptr_t)n, __ATOMIC_RELEASE);
}

/* Before a function loses its first slot: a look-up that began before a removal may still see what was removed in the
 * others, and would find the function in none. */
static void settle(const oji_unwinder *unwinder)
{
    if (has_removed)
        oji_sheet_wait(unwinder);
}

/* Functions between the slot and a free one below move down by one. */
static bool shift_down(const oji_unwinder *unwinder, oji_slots *s, uint64_t last)
{
    uint64_t at = last;
    while (at > 1 && last - at < REACH && !repeats(s, at))
        at--;
    if (!repeats(s, at))
        return false;
    for (; at < last; at++) {
        set(s, at, s->entries[at + 1]);
        oji_sheet_wait(unwinder);
    }
    return true;
}

static bool shift_up(const oji_unwinder *unwinder, oji_slots *s, uint64_t first)
{
    uint64_t at = first;
    while (at < s->vector.n && at - first < REACH && !is_behind(s, at) && !repeats(s, at + 1))
        at++;
    if (at == s->vector.n || at - first == REACH)
        return false;
    if (!is_behind(s, at))
        settle(unwinder);
    for (; at > first; at--) {
        set(s, at, s->entries[at - 1]);
        oji_sheet_wait(unwinder);
    }
    return true;
}

/* A slot below that is free once a function has moved, and then those above: either way nothing else changes. */
bool oji_slots_put(const oji_unwinder *unwinder, oji_slots *s, uint8_t *entry)
{
    uint64_t above = find_above(s, oji_entry_addr(entry));
    if (!is_behind(s, s->vector.n - 1))
        extend(unwinder, s);
    if (repeats(s, above - 1))
        above--;
    else if (above == s->vector.n || !(is_behind(s, above) || repeats(s, above + 1))) {
        if (shift_down(unwinder, s, above - 1))
            above--;
        else if (!shift_up(unwinder, s, above))
            return false;
    } else if (!is_behind(s, above)) {
        settle(unwinder);
    }
    set(s, above, entry);
    s->n_live++;
    s->last_touched = (uint32_t)above;
    return true;
}

/* It is in no slot but those that are yet to be gone through: there is no wait before it is in none. */
static void end_entry(const oji_unwinder *unwinder, uint8_t *entry)
{
    if (ended.n == OJI_COUNT(ended.entries))
        oji_sheet_wait(unwinder);
    ended.entries[ended.n++] = entry;
    if (!unwinder->remove_entry)
        return;
    oji_unwind_block_signals();
    unwinder->remove_entry(entry);
}

/* Their slots repeat the function before them, or the mark, which may have the first function's address. */
void oji_slots_remove(const oji_unwinder *unwinder, oji_slots *s, const oji_unwind_range *range, bool ends_entries)
{
    uint64_t at = find_above(s, range->addr - 1);
    uint8_t *const before = s->entries[at - 1], *last = before;
    for (; at < s->vector.n && addr_at(s, at) - range->addr < range->size; at++) {
        uint8_t *entry = s->entries[at];
        set(s, at, before);
        if (entry == before || entry == last)
            continue;
        last = entry;
        if (ends_entries)
            end_entry(unwinder, entry);
        s->n_live--;
    }
    s->last_touched = (uint32_t)(at - 1);
    has_removed = true;
}

/* A provider may have given an address twice. */
bool oji_slots_has(const oji_slots *s, const uint8_t *entry, uint64_t addr)
{
    uint64_t at = find_above(s, addr);
    while (--at > 0 && addr_at(s, at) == addr)
        if (s->entries[at] == entry)
            return true;
    return false;
}

bool oji_slots_ends_with(const oji_slots *s, const uint8_t *entry)
{
    uint64_t next = (uint64_t)s->last_touched + 1;
    return s->entries[s->last_touched] == entry && (next == s->vector.n || is_behind(s, next));
}

bool oji_slots_is_sparse(const oji_slots *s) { return s->vector.n > SPARSE_LEAST && s->n_live < s->vector.n / 4; }

void oji_slots_for_each(const oji_slots *s, void (*tell)(const void *))
{
    for (uint64_t i = 1; i < s->vector.n; i++)
        if (!repeats(s, i) && !is_behind(s, i))
            tell(s->entries[i]);
}
