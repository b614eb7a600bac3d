/* Unwind tables for libgcc before 13, which keeps the tables it knows in a list that every lookup walks, from the
 * highest to the first that begins below the address, and sorts a table when it first looks into it.
 *
 * So few tables, each for a stretch of addresses: a "sheet". What is registered is a table of no functions, which
 * libgcc sorts at once; then it is given a sorted array of ours in place of the one it made (slots.c), in which
 * functions come and go by single stores. Where there is no room for one, a larger array takes the place by one store,
 * too. No lookup ever sorts, and none waits for more than a few copied pointers.
 *
 * A lookup for anything above, as other libraries are, would search the whole array of the sheet below it. So a sheet
 * of many functions has a cap: a second table, which begins at one of the last few and has these alone.
 *
 * That rests on how libgcc keeps a table, the same from GCC 3.0 to 12: host_linux.c looks, before any sheet is made.
 *
 * A stretch has no page in it that is wholly another's, so that tables of others do not come to lie inside it. */
#include "code/sheet.h"

/* Nanoseconds: a lookup that has found its entry needs a few of them. */
#define PATIENCE UINT64_C(10000000000)

/* So many functions have a cap. */
#ifdef OJ_STRESS
#define CAPPED 2u
#else
#define CAPPED 64u
#endif

/* What the unwinder keeps of a sheet. It looks there once more after a lookup has let go of its lock, so that one whose
 * functions live on in another sheet may not be freed at once. */
typedef struct registered registered;
struct registered {
    union {
        uint64_t bytes[OJI_UNWINDER_OBJECT_SIZE / 8];
        oji_unwinder_object object;
    } u;
    const uint8_t *tables[2]; /* the mark, NULL */
    registered *next;         /* of those that wait to be freed, the oldest first */
    uint64_t since;           /* when it was taken back, nanoseconds */
};

typedef struct sheet sheet;
struct sheet {
    registered *registered;
    const void *original; /* the array that libgcc made, and frees when it is told to forget the sheet */
    oji_slots *slots;
    uint8_t *mark; /* an entry at `low` */
    uint64_t low;  /* start of the first page; of a cap: every function that begins here or above is in it */
    uint64_t high; /* end of the last page */
    sheet *cap;    /* the sheet's functions from some address on, once more; or NULL */
};

static struct {
    sheet **sheets; /* ascending */
    uint32_t n;
    uint32_t capacity;
    registered *oldest; /* that wait */
    registered *newest;
} all;

/* --- what the unwinder is told ------------------------------------------------------------------------------------ */

/* Free those that nobody can still be looking at: without sheets there is no function that anybody could unwind. */
static void free_old(void)
{
    uint64_t now = oji_now();
    while (all.oldest && (all.n == 0 || now - all.oldest->since > PATIENCE)) {
        registered *old = all.oldest;
        all.oldest = old->next;
        oji_release(oji_unwind_heap(), old, sizeof *old);
    }
    if (!all.oldest)
        all.newest = NULL;
}

static void retire(registered *old)
{
    old->next = NULL;
    old->since = oji_now();
    if (all.newest)
        all.newest->next = old;
    else
        all.oldest = old;
    all.newest = old;
}

/* Lookups use the array from here on; after the wait none uses the one before. */
static void show(const oji_unwinder *unwinder, sheet *s, oji_slots *slots)
{
    slots->vector.key = s->registered->tables;
    __atomic_store_n(&s->registered->u.object.array, (const void *)&slots->vector, __ATOMIC_RELEASE);
    oji_sheet_wait(unwinder);
    oji_slots_free(s->slots);
    s->slots = slots;
}

/* A table is sorted by the first lookup that finds nothing in those that are sorted, as nothing is below them all.
 * False where libgcc had no memory to do it, or would look into the sheet for ever. */
static bool tell(const oji_unwinder *unwinder, sheet *s)
{
    registered *r = s->registered;
    r->tables[0] = s->mark;
    if (!oji_unwinder_forgets(r->tables))
        return false;
    oji_unwind_block_signals();
    unwinder->add_array(r->tables, r->u.bytes);
    oji_sheet_wait(unwinder);
    if (!oji_unwinder_is_sorted(&r->u.object, r->tables)) {
        unwinder->remove(r->tables);
        return false;
    }
    s->original = r->u.object.array;
    return true;
}

/* Lookups pass it over from the first store on; the array is libgcc's own again when that frees it. */
static void untell(const oji_unwinder *unwinder, sheet *s)
{
    registered *r = s->registered;
    __atomic_store_n(&r->u.object.start, UINTPTR_MAX, __ATOMIC_RELEASE);
    oji_sheet_wait(unwinder);
    __atomic_store_n(&r->u.object.array, s->original, __ATOMIC_RELEASE);
    unwinder->remove(r->tables);
}

/* --- the list of sheets ------------------------------------------------------------------------------------------- */

typedef struct span {
    uint64_t low;
    uint64_t high;
} span;

static span pages_of(const oji_unwind_range *range)
{
    uint64_t page = oji_unwind_page_size();
    return (span){range->addr & ~(page - 1), (range->addr + range->size + page - 1) & ~(page - 1)};
}

/* Index of the first sheet that begins above. */
static uint32_t find_sheet_above(uint64_t addr)
{
    uint32_t low = 0, high = all.n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (all.sheets[middle]->low <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool reserve_sheet(void)
{
    uint32_t capacity = all.capacity ? all.capacity * 2 : 8;
    sheet **grown;
    if (all.n < all.capacity)
        return true;
    grown = oji_allocate(oji_unwind_heap(), (uint64_t)capacity * sizeof(sheet *));
    if (!grown)
        return false;
    if (all.n > 0)
        memcpy(grown, all.sheets, all.n * sizeof(sheet *));
    oji_release(oji_unwind_heap(), all.sheets, (uint64_t)all.capacity * sizeof(sheet *));
    all.sheets = grown;
    all.capacity = capacity;
    return true;
}

static void insert_sheet(uint32_t at, sheet *s)
{
    memmove(all.sheets + at + 1, all.sheets + at, (all.n - at) * sizeof(sheet *));
    all.sheets[at] = s;
    all.n++;
}

/* Not told of, and without functions of its own. */
static void free_sheet(sheet *s)
{
    oji_entry_free_mark(s->mark);
    oji_slots_free(s->slots);
    oji_release(oji_unwind_heap(), s, sizeof *s);
}

static void close_if_empty(void)
{
    if (all.n > 0)
        return;
    oji_slots_close();
    oji_release(oji_unwind_heap(), all.sheets, (uint64_t)all.capacity * sizeof(sheet *));
    all.sheets = NULL;
    all.capacity = 0;
}

/* Its functions are gone, or another's, or those of the sheet whose cap it is. */
static void end_sheet(const oji_unwinder *unwinder, sheet *s)
{
    untell(unwinder, s);
    retire(s->registered);
    free_sheet(s);
}

static void drop_cap(const oji_unwinder *unwinder, sheet *s)
{
    if (!s->cap)
        return;
    end_sheet(unwinder, s->cap);
    s->cap = NULL;
    free_old();
}

static void drop_sheet(const oji_unwinder *unwinder, uint32_t at)
{
    sheet *s = all.sheets[at];
    drop_cap(unwinder, s);
    end_sheet(unwinder, s);
    all.n--;
    memmove(all.sheets + at, all.sheets + at + 1, (all.n - at) * sizeof(sheet *));
    close_if_empty();
    free_old();
}

/* Known to the unwinder, and not in the list. */
static sheet *make_sheet(const oji_unwinder *unwinder, span pages)
{
    sheet *s = oji_allocate_zeroed(oji_unwind_heap(), sizeof *s);
    if (!s)
        return NULL;
    s->low = pages.low;
    s->high = pages.high;
    s->mark = oji_entry_make_mark(pages.low);
    s->registered = oji_allocate_zeroed(oji_unwind_heap(), sizeof *s->registered);
    if (s->mark && s->registered && tell(unwinder, s))
        return s;
    if (s->registered)
        oji_release(oji_unwind_heap(), s->registered, sizeof *s->registered);
    free_sheet(s);
    return NULL;
}

/* --- caps --------------------------------------------------------------------------------------------------------- */

/* Over a function that is the highest, and that nobody runs yet: until it is shown, nothing is found from there on. */
static void make_cap(const oji_unwinder *unwinder, sheet *s, uint8_t *entry)
{
    uint64_t addr = oji_entry_addr(entry);
    oji_slots *few;
    s->cap = make_sheet(unwinder, (span){addr, addr});
    if (!s->cap)
        return;
    few = oji_slots_make_few(s->cap->mark, entry);
    if (few)
        show(unwinder, s->cap, few);
    else
        drop_cap(unwinder, s);
}

/* The functions in it are the sheet's alone before their places are taken: a lookup that saw the lower start is
 * over. */
static void raise_cap(const oji_unwinder *unwinder, sheet *cap, uint8_t *entry)
{
    cap->low = oji_entry_addr(entry);
    __atomic_store_n(&cap->registered->u.object.start, (uintptr_t)cap->low, __ATOMIC_RELEASE);
    oji_sheet_wait(unwinder);
    oji_slots_restart(cap->slots, entry);
}

/* False where they are not in it: there is no room. Where its first functions are gone there may be one that reaches
 * further down: no cap can have that. */
static bool put_into_cap(const oji_unwinder *unwinder, sheet *s, uint8_t *const *entries, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && oji_entry_addr(entries[i]) + oji_entry_size(entries[i]) <= s->cap->low)
        i++;
    if (i < n && oji_entry_addr(entries[i]) < s->cap->low) {
        drop_cap(unwinder, s);
        return false;
    }
    while (i < n && oji_slots_put(unwinder, s->cap->slots, entries[i]))
        i++;
    return i == n;
}

/* Functions that are in the sheet and that nobody runs yet; they ascend. Without memory there is no cap. */
static void update_cap(const oji_unwinder *unwinder, sheet *s, uint8_t *const *entries, uint32_t n)
{
    uint8_t *last = entries[n - 1];
    bool is_highest;
    if (s->cap && put_into_cap(unwinder, s, entries, n))
        return;
    is_highest = oji_slots_ends_with(s->slots, last);
    if (s->cap && is_highest)
        raise_cap(unwinder, s->cap, last);
    else if (s->cap)
        drop_cap(unwinder, s);
    else if (is_highest && s->slots->n_live >= CAPPED)
        make_cap(unwinder, s, last);
}

/* --- functions that come and go ----------------------------------------------------------------------------------- */

/* Which sheets a stretch of pages touches: one that holds or ends at its start, and one that begins at its end or
 * before. */
typedef struct neighbours {
    uint32_t above; /* index of the first sheet that begins above */
    bool has_left;
    bool has_right;
} neighbours;

static neighbours find_neighbours(span pages)
{
    neighbours near = {.above = find_sheet_above(pages.low)};
    near.has_left = near.above > 0 && all.sheets[near.above - 1]->high >= pages.low;
    near.has_right = near.above < all.n && all.sheets[near.above]->low <= pages.high;
    return near;
}

/* Put them into a larger array, of the sheet on the left or of a new one; the sheet on the right becomes part of it. A
 * look-up that does not find the one on the right any more finds this one. */
static bool add_and_grow(const oji_unwinder *unwinder, neighbours near, span pages, uint8_t *const *entries, uint32_t n)
{
    uint32_t at = near.above - near.has_left;
    sheet *s = near.has_left ? all.sheets[at] : NULL, *right = near.has_right ? all.sheets[near.above] : NULL;
    oji_slots *olds[2], *made;
    uint32_t n_olds = 0;
    if (!s && (!reserve_sheet() || !(s = make_sheet(unwinder, pages))))
        return false;
    if (near.has_left)
        olds[n_olds++] = s->slots;
    if (right)
        olds[n_olds++] = right->slots;
    made = oji_slots_make(s->mark, olds, n_olds, entries, n);
    if (made)
        show(unwinder, s, made);
    if (!near.has_left) {
        insert_sheet(at, s);
        if (!made)
            drop_sheet(unwinder, at);
    }
    if (!made)
        return false;
    s->high = s->high > pages.high ? s->high : pages.high;
    if (right) {
        s->high = s->high > right->high ? s->high : right->high;
        drop_cap(unwinder, s);
        s->cap = right->cap;
        right->cap = NULL;
        drop_sheet(unwinder, at + 1);
    }
    update_cap(unwinder, s, entries, n);
    return true;
}

/* Of the cap first, which has none that the sheet has not. */
static void remove_functions(const oji_unwinder *unwinder, const sheet *s, const oji_unwind_range *range,
                             bool ends_entries)
{
    if (s->cap && range->addr + range->size > s->cap->low)
        oji_slots_remove(unwinder, s->cap->slots, range, false);
    oji_slots_remove(unwinder, s->slots, range, ends_entries);
}

/* Functions that nobody runs yet. */
static bool add_entries(const oji_unwinder *unwinder, const oji_unwind_range *range, uint8_t *const *entries,
                        uint32_t n)
{
    span pages = pages_of(range);
    neighbours near = find_neighbours(pages);
    uint32_t done = 0;
    if (near.has_left && !near.has_right) {
        sheet *s = all.sheets[near.above - 1];
        s->high = s->high > pages.high ? s->high : pages.high;
        while (done < n && oji_slots_put(unwinder, s->slots, entries[done]))
            done++;
        if (done > 0)
            update_cap(unwinder, s, entries, done);
    }
    if (done == n || add_and_grow(unwinder, near, pages, entries + done, n - done))
        return true;
    if (done > 0) {
        const oji_unwind_range put = {.addr = oji_entry_addr(entries[0]),
                                      .size = oji_entry_addr(entries[done - 1]) + 1};
        remove_functions(unwinder, all.sheets[near.above - 1], &put, false);
        oji_sheet_wait(unwinder);
    }
    return false;
}

void *oji_sheet_add(const oji_unwinder *unwinder, const oji_unwind_part *part)
{
    const uint32_t n = part->n;
    uint8_t *few[16], **entries = few;
    void *head = NULL;
    if (n > OJI_COUNT(few))
        entries = oji_allocate(oji_unwind_heap(), (uint64_t)n * sizeof *entries);
    if (!entries)
        return NULL;
    if (oji_slots_open() && oji_entries_make(part->tables, part->first, n, entries)) {
        if (add_entries(unwinder, part->range, entries, n))
            head = entries[0];
        else
            oji_entries_free(entries, n);
    }
    if (head && unwinder->add_entry)
        oji_unwind_block_signals();
    for (uint32_t i = 0; head && unwinder->add_entry && i < n; i++)
        unwinder->add_entry(entries[i]);
    if (!head)
        close_if_empty();
    if (entries != few)
        oji_release(oji_unwind_heap(), entries, (uint64_t)n * sizeof *entries);
    return head;
}

bool oji_sheet_has(const void *entry, uint64_t addr)
{
    uint32_t above = find_sheet_above(addr);
    return above > 0 && oji_slots_has(all.sheets[above - 1]->slots, entry, addr);
}

/* A sheet that is mostly free is made smaller where there is memory to do it with. */
void oji_sheet_remove(const oji_unwinder *unwinder, const oji_unwind_range *range)
{
    uint32_t above = find_sheet_above(range->addr);
    sheet *s;
    /* A provider that gave the same addresses twice has lost the functions of both. */
    if (above == 0)
        return;
    s = all.sheets[above - 1];
    remove_functions(unwinder, s, range, true);
    if (s->slots->n_live == 0) {
        drop_sheet(unwinder, above - 1);
    } else if (oji_slots_is_sparse(s->slots)) {
        oji_slots *made = oji_slots_make(s->mark, &s->slots, 1, NULL, 0);
        if (made)
            show(unwinder, s, made);
    }
}

void oji_sheet_for_each(void (*tell_of)(const void *))
{
    for (uint32_t i = 0; i < all.n; i++)
        oji_slots_for_each(all.sheets[i]->slots, tell_of);
}
