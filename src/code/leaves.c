/* Unwind tables for libgcc from 13 on, which keeps the tables it knows in a search tree and sorts a table when it first
 * looks into it. From then on look-ups take no lock, so that nobody can wait for the end of those that go on.
 *
 * Code in shared slabs has one table for each stretch of addresses: a "leaf". What is registered is a table of one
 * function, which covers the stretch; then libgcc is given an array of ours in place of the one it made. In it the slot
 * that a function begins in is its own, and the slots behind that repeat it, up to the next function. Functions come
 * and go by single stores, and whatever mixture of before and after a look-up sees, it is led to every function that
 * lives all the while:
 * - an array in use never moves a function to another slot. Where two begin in the same one, an array of finer slots
 *   takes its place, with all that was in it, and the coarse one stays as it is until the leaf ends;
 * - an entry in use is one for the same address for ever, and its size is 0 or that of a function that is there: see
 *   sheet.h;
 * - a leaf ends when no code is left in its stretch. Functions without a table are looked for as well, by whoever
 *   prints a stack that they are on.
 *
 * All of that rests on how libgcc keeps a table: host_linux.c looks, before any leaf is made. */
#include "code/sheet.h"

#define STRETCH ((uint64_t)OJ_SEGMENT_STRETCH)
#define LISTS 256u /* of entries that stay, in a leaf, by where they begin */

/* Bytes in a slot as a power of two: at first, and by how much they get finer. */
enum { COARSEST = 6, FINER = 2 };

typedef struct slots slots;
struct slots {
    slots *coarser; /* the one before */
    unsigned shift;
    oji_slots_vector vector; /* what look-ups see from here on; its slots end with the highest function's own */
    uint8_t *entries[];
};

/* What is registered of a leaf: all of it, unless a fence of libgcc's tree lies in the stretch (image.c). */
typedef struct piece piece;
struct piece {
    union {
        uint64_t bytes[OJI_UNWINDER_OBJECT_SIZE / 8];
        oji_unwinder_object object;
    } u;
    piece *next;
    uint8_t *mark; /* an entry at `low`: of all of the piece while libgcc registers or forgets it, else of nothing. Who
                    * finds it in between is at the end of the stack, as without it. */
    const void *original; /* the array that libgcc made, and frees */
    uint64_t low;
    uint64_t high;
};

typedef struct leaf {
    uint64_t low;
    piece *pieces;
    slots *slots;
    uint32_t n_live;
    uint8_t *cells[LISTS];
} leaf;

static struct {
    leaf **leaves; /* ascending */
    uint32_t n;
    uint32_t capacity;
    uint32_t last_found; /* index + 1 */
} all;

/* --- slots -------------------------------------------------------------------------------------------------------- */

/* A function that begins before the stretch has the first. */
static uint32_t slot_of(const leaf *l, const slots *s, uint64_t addr)
{
    return addr <= l->low ? 0 : (uint32_t)((addr - l->low) >> s->shift);
}

/* Does a function begin in the slot? The mark, which fills what is before the first, is none. */
static bool is_own(const leaf *l, const slots *s, uint64_t at)
{
    const uint8_t *entry = s->entries[at];
    return entry != l->pieces->mark && slot_of(l, s, oji_entry_addr(entry)) == at;
}

/* What the entry says must be seen by whoever sees it. */
static void set(slots *s, uint64_t at, uint8_t *entry) { __atomic_store_n(&s->entries[at], entry, __ATOMIC_RELEASE); }

static void fill(slots *s, uint64_t from, uint64_t end, uint8_t *entry)
{
    for (uint64_t at = from; at < end; at++)
        set(s, at, entry);
}

static uint64_t slots_size(unsigned shift) { return sizeof(slots) + (STRETCH >> shift) * sizeof(uint8_t *); }

/* With the mark alone. */
static slots *make_slots(const leaf *l, unsigned shift)
{
    slots *s = oji_allocate(oji_unwind_heap(), slots_size(shift));
    if (!s)
        return NULL;
    *s = (slots){.shift = shift, .vector = {.key = l->pieces->mark, .n = 1}};
    s->entries[0] = l->pieces->mark;
    return s;
}

static void free_slots(slots *s)
{
    while (s) {
        slots *coarser = s->coarser;
        oji_release(oji_unwind_heap(), s, slots_size(s->shift));
        s = coarser;
    }
}

static void show(const leaf *l)
{
    for (piece *p = l->pieces; p; p = p->next)
        __atomic_store_n(&p->u.object.array, (const void *)&l->slots->vector, __ATOMIC_RELEASE);
}

/* Functions that are behind all that the array has. */
static void append(leaf *l, slots *s, uint8_t *entry)
{
    uint64_t at = slot_of(l, s, oji_entry_addr(entry));
    fill(s, s->vector.n, at, s->entries[s->vector.n - 1]);
    set(s, at, entry);
    s->vector.n = (uintptr_t)at + 1;
}

static bool refine(leaf *l)
{
    const slots *old = l->slots;
    slots *s = make_slots(l, old->shift - FINER);
    if (!s)
        return false;
    for (uint64_t at = 0; at < old->vector.n; at++)
        if (is_own(l, old, at))
            append(l, s, old->entries[at]);
    s->coarser = l->slots;
    l->slots = s;
    show(l);
    return true;
}

/* Has each of the entries, which ascend, a slot for itself? No function lives between the first and the last. */
static bool fits(const leaf *l, uint8_t *const *entries, uint32_t n)
{
    const slots *s = l->slots;
    uint64_t first = slot_of(l, s, oji_entry_addr(entries[0]));
    uint64_t last = slot_of(l, s, oji_entry_addr(entries[n - 1]));
    for (uint32_t i = 1; i < n; i++)
        if (slot_of(l, s, oji_entry_addr(entries[i - 1])) == slot_of(l, s, oji_entry_addr(entries[i])))
            return false;
    return (first >= s->vector.n || !is_own(l, s, first)) && (last >= s->vector.n || !is_own(l, s, last));
}

/* Entries that fit. From the first on slots repeat what is below it, up to the next function or the end. */
static void put(leaf *l, uint8_t *const *entries, uint32_t n)
{
    slots *s = l->slots;
    uint64_t first = slot_of(l, s, oji_entry_addr(entries[0])), seen = s->vector.n;
    uint64_t end = slot_of(l, s, oji_entry_addr(entries[n - 1])) + 1;
    const uint8_t *before = first < seen ? s->entries[first] : NULL;
    while (end < seen && s->entries[end] == before)
        end++;
    if (first > seen)
        fill(s, seen, first, s->entries[seen - 1]);
    for (uint32_t i = 0; i < n; i++)
        fill(s, slot_of(l, s, oji_entry_addr(entries[i])),
             i + 1 < n ? slot_of(l, s, oji_entry_addr(entries[i + 1])) : end, entries[i]);
    if (end > seen)
        __atomic_store_n(&s->vector.n, (uintptr_t)end, __ATOMIC_RELEASE);
    l->n_live += n;
}

/* Their slots repeat what is before them. */
static void take_out(const oji_unwinder *unwinder, leaf *l, const oji_unwind_range *range)
{
    slots *s = l->slots;
    uint64_t at = slot_of(l, s, range->addr);
    uint8_t *before, *last = NULL;
    if (at >= s->vector.n)
        return;
    before = at > 0 ? s->entries[at - 1] : l->pieces->mark;
    for (; at < s->vector.n; at++) {
        uint8_t *entry = s->entries[at];
        if (entry == before)
            continue;
        if (entry != last && oji_entry_addr(entry) - range->addr >= range->size) {
            if (oji_entry_addr(entry) >= range->addr)
                return;
            before = entry;
            continue;
        }
        set(s, at, before);
        if (entry == last)
            continue;
        last = entry;
        if (unwinder->remove_entry) {
            oji_unwind_block_signals();
            unwinder->remove_entry(entry);
        }
        oji_entry_rest(entry);
        l->n_live--;
    }
}

/* --- what the unwinder is told ------------------------------------------------------------------------------------ */

typedef enum outcome { DONE, NO_MEMORY, TAKEN } outcome;

static const void *find(const oji_unwinder *unwinder, uint64_t pc)
{
    void *bases[4];
    return unwinder->find((void *)(uintptr_t)pc, bases);
}

static void set_mark(const piece *p, uint64_t size) { oji_store64_host(p->mark + OJI_EH_FDE_SIZE, size); }

/* The first address of the piece that is not found, with at least its last one. */
static uint64_t find_lost(const oji_unwinder *unwinder, const piece *p)
{
    uint64_t from = p->low, to = p->high - 1;
    while (from < to) {
        uint64_t middle = from + (to - from) / 2;
        if (find(unwinder, middle) == p->mark)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The array is libgcc's own again when that frees it. */
static void forget(const oji_unwinder *unwinder, piece *p)
{
    oji_unwind_block_signals();
    set_mark(p, p->high - p->low);
    __atomic_store_n(&p->u.object.array, p->original, __ATOMIC_RELEASE);
    unwinder->remove(p->mark);
    set_mark(p, 0);
}

/* Up to p->high; where that is lost, up to where it is. The first look-up sorts the table, unless libgcc has no memory
 * for it. */
static outcome tell(const oji_unwinder *unwinder, piece *p)
{
    for (;;) {
        uint64_t lost;
        set_mark(p, p->high - p->low);
        unwinder->add(p->mark, p->u.bytes);
        lost = find(unwinder, p->high - 1) == p->mark ? p->high : find_lost(unwinder, p);
        p->original = p->u.object.array;
        if (lost == p->high && oji_unwinder_is_sorted(&p->u.object, p->mark))
            return DONE;
        forget(unwinder, p);
        if (lost == p->high)
            return NO_MEMORY;
        if (lost == p->low)
            return TAKEN;
        p->high = lost;
    }
}

static void free_piece(piece *p)
{
    oji_entry_free_mark(p->mark);
    oji_release(oji_unwind_heap(), p, sizeof *p);
}

/* Nothing else may be known of where it begins and ends, nor in between: the tree ends the process where it is given
 * addresses twice, and then asked to take both back. */
static outcome make_piece(const oji_unwinder *unwinder, uint64_t low, uint64_t high, piece **out)
{
    piece *p;
    outcome came;
    if (find(unwinder, low) || find(unwinder, high - 1))
        return TAKEN;
    p = oji_allocate_zeroed(oji_unwind_heap(), sizeof *p);
    if (!p)
        return NO_MEMORY;
    p->low = low;
    p->high = high;
    p->mark = oji_entry_make_mark(low);
    came = p->mark ? tell(unwinder, p) : NO_MEMORY;
    if (came == DONE)
        *out = p;
    else
        free_piece(p);
    return came;
}

/* --- the list of leaves ------------------------------------------------------------------------------------------- */

static uint64_t stretch_of(uint64_t addr) { return addr & ~(STRETCH - 1); }

/* Index of the first leaf that begins above. Most look where the last one did. */
static uint32_t find_above(uint64_t addr)
{
    uint32_t low = 0, high = all.n, last = all.last_found;
    if (last > 0 && last <= all.n && all.leaves[last - 1]->low <= addr) {
        if (last == all.n || all.leaves[last]->low > addr)
            return last;
        low = last;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (all.leaves[middle]->low <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    all.last_found = low;
    return low;
}

/* NULL where there is none. */
static leaf *leaf_of(uint64_t addr)
{
    uint32_t above = find_above(addr);
    return above > 0 && addr - all.leaves[above - 1]->low < STRETCH ? all.leaves[above - 1] : NULL;
}

static bool reserve(void)
{
    uint32_t capacity = all.capacity ? all.capacity * 2 : 8;
    leaf **grown;
    if (all.n < all.capacity)
        return true;
    grown = oji_allocate(oji_unwind_heap(), (uint64_t)capacity * sizeof(leaf *));
    if (!grown)
        return false;
    if (all.n > 0)
        memcpy(grown, all.leaves, all.n * sizeof(leaf *));
    oji_release(oji_unwind_heap(), all.leaves, (uint64_t)all.capacity * sizeof(leaf *));
    all.leaves = grown;
    all.capacity = capacity;
    return true;
}

/* Not in the list. */
static void end_leaf(const oji_unwinder *unwinder, leaf *l)
{
    for (piece *p = l->pieces; p; p = p->next)
        forget(unwinder, p);
    for (uint32_t i = 0; i < LISTS; i++)
        oji_entries_end(l->cells[i]);
    free_slots(l->slots);
    while (l->pieces) {
        piece *next = l->pieces->next;
        free_piece(l->pieces);
        l->pieces = next;
    }
    oji_release(oji_unwind_heap(), l, sizeof *l);
}

static outcome make_pieces(const oji_unwinder *unwinder, leaf *l)
{
    piece **tail = &l->pieces;
    oji_unwind_block_signals();
    for (uint64_t low = l->low; low < l->low + STRETCH; low = (*tail)->high, tail = &(*tail)->next) {
        outcome came = make_piece(unwinder, low, l->low + STRETCH, tail);
        if (came != DONE)
            return came;
    }
    l->slots = make_slots(l, COARSEST);
    if (!l->slots)
        return NO_MEMORY;
    show(l);
    for (piece *p = l->pieces; p; p = p->next)
        set_mark(p, 0);
    return DONE;
}

/* The one of the stretch, which is made where there is none yet. */
static outcome open_leaf(const oji_unwinder *unwinder, uint64_t low, leaf **out)
{
    uint32_t at = find_above(low);
    outcome came;
    if (at > 0 && all.leaves[at - 1]->low == low) {
        *out = all.leaves[at - 1];
        return DONE;
    }
    if (oji_stretches_have(low))
        return TAKEN;
    if (!reserve() || !(*out = oji_allocate_zeroed(oji_unwind_heap(), sizeof **out)))
        return NO_MEMORY;
    (*out)->low = low;
    came = make_pieces(unwinder, *out);
    if (came != DONE) {
        end_leaf(unwinder, *out);
        return came;
    }
    memmove(all.leaves + at + 1, all.leaves + at, (all.n - at) * sizeof(leaf *));
    all.leaves[at] = *out;
    all.n++;
    return DONE;
}

static void close_if_empty(const oji_unwinder *unwinder, leaf *l)
{
    uint32_t at = find_above(l->low) - 1;
    if (l->n_live > 0 || oji_stretches_have_code(l->low))
        return;
    all.n--;
    memmove(all.leaves + at, all.leaves + at + 1, (all.n - at) * sizeof(leaf *));
    end_leaf(unwinder, l);
    if (all.n > 0)
        return;
    oji_release(oji_unwind_heap(), all.leaves, (uint64_t)all.capacity * sizeof(leaf *));
    all.leaves = NULL;
    all.capacity = 0;
}

/* --- functions that come and go ----------------------------------------------------------------------------------- */

static uint8_t **cells_of(leaf *l, uint64_t addr)
{
    return &l->cells[addr <= l->low ? 0 : (addr - l->low) / (STRETCH / LISTS)];
}

static bool make_entries(leaf *l, const oji_unwind_tables *tables, uint32_t first, uint32_t n, uint8_t **entries)
{
    for (uint32_t i = 0; i < n; i++) {
        entries[i] = oji_entry_wake(tables, first + i, cells_of(l, tables->fdes[first + i].addr));
        if (entries[i])
            continue;
        while (i-- > 0)
            oji_entry_rest(entries[i]);
        return false;
    }
    return true;
}

/* A provider that gave the same addresses twice has lost the functions that were there. */
static bool make_fit(const oji_unwinder *unwinder, leaf *l, const oji_unwind_range *range, uint8_t *const *entries,
                     uint32_t n)
{
    while (!fits(l, entries, n)) {
        if (l->slots->shift == 0)
            take_out(unwinder, l, range);
        else if (!refine(l))
            return false;
    }
    return true;
}

/* Another's table may lie in the stretch after all, and hide what is behind it. Signals are let through: the leaf's
 * table is sorted. */
static bool is_found(const oji_unwinder *unwinder, const leaf *l, const uint8_t *entry)
{
    uint64_t addr = oji_entry_addr(entry);
    return find(unwinder, addr < l->low ? l->low : addr) == entry;
}

static void undo(const oji_unwinder *unwinder, leaf *l, uint64_t low, uint64_t high)
{
    const oji_unwind_range range = {.addr = low, .size = high - low};
    take_out(unwinder, l, &range);
}

static outcome add_entries(const oji_unwinder *unwinder, leaf *l, const oji_unwind_range *range,
                           uint8_t *const *entries, uint32_t n)
{
    if (!make_fit(unwinder, l, range, entries, n)) {
        for (uint32_t i = 0; i < n; i++)
            oji_entry_rest(entries[i]);
        return NO_MEMORY;
    }
    put(l, entries, n);
    if (unwinder->add_entry)
        oji_unwind_block_signals();
    for (uint32_t i = 0; unwinder->add_entry && i < n; i++)
        unwinder->add_entry(entries[i]);
    if (is_found(unwinder, l, entries[0]) && is_found(unwinder, l, entries[n - 1]))
        return DONE;
    undo(unwinder, l, oji_entry_addr(entries[0]), oji_entry_addr(entries[n - 1]) + 1);
    return TAKEN;
}

/* Functions [first, first + n) of the stretch that begins at `low`. */
static outcome add_functions(const oji_unwinder *unwinder, const oji_unwind_part *part, uint32_t first, uint32_t n,
                             uint64_t low, void **head)
{
    uint8_t *few[16], **entries = few;
    leaf *l;
    outcome came = open_leaf(unwinder, low, &l);
    if (came != DONE)
        return came;
    if (n > OJI_COUNT(few))
        entries = oji_allocate(oji_unwind_heap(), (uint64_t)n * sizeof *entries);
    came = NO_MEMORY;
    if (entries && make_entries(l, part->tables, first, n, entries))
        came = add_entries(unwinder, l, part->range, entries, n);
    if (came == DONE && !*head)
        *head = entries[0];
    if (entries && entries != few)
        oji_release(oji_unwind_heap(), entries, (uint64_t)n * sizeof *entries);
    close_if_empty(unwinder, l);
    return came;
}

bool oji_leaves_want(const oji_unwind_range *range)
{
    uint32_t above = find_above(range->addr + range->size - 1);
    if (range->size >> 31)
        return false;
    return range->is_shared || (above > 0 && range->addr < all.leaves[above - 1]->low + STRETCH);
}

void *oji_leaves_add(const oji_unwinder *unwinder, const oji_unwind_part *part, bool *is_taken)
{
    const oji_eh_fde *fdes = part->tables->fdes;
    uint32_t first = part->first, end = part->first + part->n;
    void *head = NULL;
    *is_taken = false;
    for (uint64_t low = stretch_of(part->low); first < end && low < part->high; low += STRETCH) {
        uint32_t n = 0;
        outcome came;
        while (first + n < end && fdes[first + n].addr < low + STRETCH)
            n++;
        if (n == 0)
            continue;
        came = add_functions(unwinder, part, first, n, low, &head);
        if (came != DONE) {
            const oji_unwind_range done = {.addr = part->range->addr, .size = low - part->range->addr};
            *is_taken = came == TAKEN;
            if (low > part->low)
                oji_leaves_remove(unwinder, &done);
            return NULL;
        }
        first += fdes[first + n - 1].addr + fdes[first + n - 1].size > low + STRETCH ? n - 1 : n;
    }
    return head;
}

bool oji_leaves_have(const void *entry, uint64_t addr)
{
    const leaf *l = leaf_of(addr);
    uint64_t at = l ? slot_of(l, l->slots, addr) : 0;
    return l && at < l->slots->vector.n && l->slots->entries[at] == entry && oji_entry_addr(entry) == addr;
}

void oji_leaves_remove(const oji_unwinder *unwinder, const oji_unwind_range *range)
{
    for (uint64_t low = stretch_of(range->addr); low < range->addr + range->size; low += STRETCH) {
        leaf *l = leaf_of(low);
        if (!l)
            continue;
        take_out(unwinder, l, range);
        close_if_empty(unwinder, l);
    }
}

void oji_leaves_end_without_code(uint64_t low, uint64_t high)
{
    for (uint64_t at = stretch_of(low); all.n > 0 && at < high; at += STRETCH) {
        leaf *l = leaf_of(at);
        if (l)
            close_if_empty(oji_unwinder_current(), l);
    }
}

void oji_leaves_for_each(void (*tell_of)(const void *))
{
    for (uint32_t i = 0; i < all.n; i++)
        for (uint64_t at = 0; at < all.leaves[i]->slots->vector.n; at++)
            if (is_own(all.leaves[i], all.leaves[i]->slots, at))
                tell_of(all.leaves[i]->slots->entries[at]);
}
