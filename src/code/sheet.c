/* Unwind tables for libgcc before 13, which keeps the tables it knows in a list that every lookup walks, from the
 * highest to the first that begins below the address, and sorts a table when it first looks into it.
 *
 * So few tables, each for a stretch of addresses, and none sorted twice for one function more: a "sheet" is a
 * table of entries that are ours to change. Some of its entries are "free": they describe 0 bytes, so that no lookup
 * ends at one. A function takes the free entry whose place in the order is its own: the entry is written, and its size
 * is stored last. A function that goes leaves a free entry by the same store. Only where no free entry has the right
 * place a sheet of the same entries and more free ones replaces it, which costs in proportion to the sheet, and after
 * which a third of it is free again.
 *
 * Invariants, at every moment and whatever another thread sees of it: a sheet's entries ascend; those of free entries
 * lie between the end of the function before them and the start of the next. Entries that describe a live function
 * neither change nor move, as a thread may be reading one that a lookup has given it.
 *
 * A stretch has no page in it that is wholly another's, so that tables of others do not come to lie inside it. */
#include "code/unwind.h"

/* Free entries behind the last function: no address is as high (x86-64, AArch64: the upper half is the kernel's; 32 bits:
 * no function begins in the last pages). */
#define BEHIND (sizeof(void *) == 8 ? UINT64_C(0xffffffff00000000) : UINT64_C(0xffff0000))
#define SPARE_LEAST 8u
#define SPARE_SHARE 2u /* a new sheet has a free entry at its end for so many functions */

/* An entry is followed by an end of table, so that each can be a table of its own. */
enum { FDE_SIZE = OJI_CELL_SIZE - 4, TAIL = 4, SMALL_SHEET = 64, CIE_HEAD = 8 };
#define GRANULE 16u /* bytes: functions are hardly ever nearer to each other */

/* What the unwinder keeps of a sheet. It looks there once more after a lookup has let go of its lock, so that one whose
 * functions live on in another sheet may not be freed at once. On the heap, because it points at what the unwinder
 * allocates, and leak checkers look for pointers there. */
typedef struct registered registered;
struct registered {
    uint64_t object[OJI_UNWINDER_OBJECT_SIZE / 8];
    registered *next; /* of those that wait to be freed, the oldest first */
    uint64_t since;   /* when it was replaced, nanoseconds */
};

/* Nanoseconds: a lookup that has found its entry needs a few of them. */
#define PATIENCE UINT64_C(10000000000)

typedef struct sheet {
    registered *registered;
    uint64_t low;  /* start of the first page */
    uint64_t high; /* end of the last page */
    uint32_t n;    /* entries; the first only marks `low` */
    uint32_t n_live;
    uint32_t capacity;
    uint32_t last_taken; /* index: the next function mostly comes right behind */
    uint8_t *entries[];  /* ascending; NULL behind the last */
} sheet;

static struct {
    sheet **sheets; /* ascending */
    uint32_t n;
    uint32_t capacity;
    registered *oldest; /* that wait */
    registered *newest;
} all;

/* --- CIEs: shared by content -------------------------------------------------------------------------------------- */

typedef struct shared_cie {
    uint32_t n_users;
    uint32_t size; /* bytes that follow */
} shared_cie;

/* Most codes have one of a few. */
static shared_cie *recent[8];
static uint32_t next_recent;
static shared_cie *plain; /* that of free entries, while there are some */

static uint8_t *cie_bytes(shared_cie *cie) { return (uint8_t *)(cie + 1); }

static shared_cie *find_recent(const uint8_t *bytes, uint64_t size)
{
    for (size_t i = 0; i < OJI_COUNT(recent); i++)
        if (recent[i] && recent[i]->size == size && memcmp(cie_bytes(recent[i]), bytes, (size_t)size) == 0)
            return recent[i];
    return NULL;
}

/* A CIE, with a program that its one FDE has no room for behind its own: unwinders run one after the other, with
 * nothing in between. NULL where memory ends. */
static shared_cie *use_cie(const oji_eh_cie *cie, const uint8_t *extra, uint64_t extra_size)
{
    uint8_t few[128];
    uint64_t size = oji_eh_cie_size(cie, extra_size);
    shared_cie *made;
    if (size <= sizeof few) {
        oji_eh_write_cie(few, size, cie, extra, extra_size);
        made = find_recent(few, size);
        if (made) {
            made->n_users++;
            return made;
        }
    }
    made = oji_cells_take_for_cie(CIE_HEAD + size);
    if (!made)
        return NULL;
    made->n_users = 1;
    made->size = (uint32_t)size;
    oji_eh_write_cie(cie_bytes(made), size, cie, extra, extra_size);
    if (extra_size == 0 && size <= sizeof few)
        recent[next_recent++ % OJI_COUNT(recent)] = made;
    return made;
}

static void drop_cie(shared_cie *cie)
{
    if (--cie->n_users > 0)
        return;
    for (size_t i = 0; i < OJI_COUNT(recent); i++)
        if (recent[i] == cie)
            recent[i] = NULL;
    if (plain == cie)
        plain = NULL;
    oji_cells_free(cie, CIE_HEAD + cie->size);
}

/* What free entries refer to. Replacing a sheet makes many of them. */
static shared_cie *use_plain_cie(void)
{
    static const oji_eh_cie contents = {
        .code_alignment = 1, .data_alignment = -8, .return_register = 16, .lsda_encoding = 0xff};
    if (plain)
        plain->n_users++;
    else
        plain = use_cie(&contents, NULL, 0);
    return plain;
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

/* Other threads look at address and size while they are stored. */
static uint64_t *field(uint8_t *entry, unsigned offset) { return (uint64_t *)(void *)(entry + offset); }
static uint64_t addr_of(uint8_t *entry) { return __atomic_load_n(field(entry, OJI_EH_FDE_ADDR), __ATOMIC_RELAXED); }
static uint64_t size_of(uint8_t *entry) { return __atomic_load_n(field(entry, OJI_EH_FDE_SIZE), __ATOMIC_RELAXED); }
static void set_addr(uint8_t *entry, uint64_t addr)
{
    __atomic_store_n(field(entry, OJI_EH_FDE_ADDR), addr, __ATOMIC_RELEASE);
}
static void set_size(uint8_t *entry, uint64_t size)
{
    __atomic_store_n(field(entry, OJI_EH_FDE_SIZE), size, __ATOMIC_RELEASE);
}
static uint64_t end_of(uint8_t *entry) { return addr_of(entry) + size_of(entry); }

static shared_cie *cie_of(uint8_t *entry)
{
    uint8_t *cie = entry + OJI_EH_FDE_CIE - (int32_t)oji_load32_host(entry + OJI_EH_FDE_CIE);
    return (shared_cie *)(void *)(cie - CIE_HEAD);
}

/* All but address and size. */
static void write_entry(uint8_t *entry, const oji_eh_cie *cie, shared_cie *shared, const oji_eh_fde *fde,
                        uint64_t program_size)
{
    oji_eh_write_fde(entry, FDE_SIZE, cie, cie_bytes(shared), fde, program_size);
    memset(entry + FDE_SIZE, 0, TAIL);
}

/* Turn an entry's contents, which nobody looks at, into those of a function. */
static bool fill_entry(uint8_t *entry, const oji_unwind_tables *tables, const oji_eh_fde *fde)
{
    const oji_eh_cie *cie = &tables->cies[fde->cie];
    uint64_t program_size = fde->program_size;
    shared_cie *shared;
    if (OJI_EH_FDE_DATA + 1 + (cie->lsda_encoding != 0xff ? 8u : 0u) + program_size > FDE_SIZE) {
        shared = use_cie(cie, fde->program, program_size);
        program_size = 0;
    } else {
        shared = use_cie(cie, NULL, 0);
    }
    if (shared)
        write_entry(entry, cie, shared, fde, program_size);
    return shared != NULL;
}

static uint8_t *new_entry(uint64_t addr)
{
    static const oji_eh_cie no_data = {.lsda_encoding = 0xff};
    static const oji_eh_fde nothing = {0};
    uint8_t *entry = oji_cells_take(OJI_CELL_SIZE);
    shared_cie *shared = entry ? use_plain_cie() : NULL;
    if (!shared) {
        if (entry)
            oji_cells_free(entry, OJI_CELL_SIZE);
        return NULL;
    }
    write_entry(entry, &no_data, shared, &nothing, 0);
    set_addr(entry, addr);
    set_size(entry, 0);
    return entry;
}

static void free_entry(uint8_t *entry)
{
    drop_cie(cie_of(entry));
    oji_cells_free(entry, OJI_CELL_SIZE);
}

/* --- sheets ------------------------------------------------------------------------------------------------------- */

/* After this no lookup goes on that began before it: each holds the unwinder's lock, which this one takes. */
static void wait_for_lookups(const oji_unwinder *unwinder)
{
    void *bases[4];
    (void)unwinder->find((void *)(uintptr_t)1, bases);
}

/* Let the unwinder sort the sheet here rather than in somebody's throw. */
static void look_into(const oji_unwinder *unwinder, const sheet *s)
{
    void *bases[4];
    (void)unwinder->find((void *)(uintptr_t)s->low, bases);
}

/* First entry whose address is above; entry 0 never is. */
static uint32_t find_above(const sheet *s, uint64_t addr)
{
    uint32_t low = 1, high = s->n, next = s->last_taken + 1;
    if (next < high && addr_of(s->entries[next - 1]) <= addr) {
        if (addr_of(s->entries[next]) > addr)
            return next;
        low = next + 1;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (addr_of(s->entries[middle]) <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_free(const sheet *s, uint32_t index)
{
    return index > 0 && index < s->n && size_of(s->entries[index]) == 0;
}

/* The free entry for a function, or 0. The one before is as good as the one behind; each lies in the same gap. */
static uint32_t choose(const sheet *s, uint64_t addr)
{
    uint32_t above = find_above(s, addr);
    if (is_free(s, above - 1))
        return above - 1;
    return is_free(s, above) ? above : 0;
}

/* Free entries behind the function move on to its end first. One that had a higher address could for a moment be seen
 * with that and the new size, and so with bytes of the next function: hence the wait. */
static bool publish(const oji_unwinder *unwinder, sheet *s, uint32_t index, const oji_unwind_tables *tables,
                    const oji_eh_fde *fde)
{
    uint8_t *entry = s->entries[index];
    shared_cie *shared = cie_of(entry);
    uint64_t old = addr_of(entry), end = fde->addr + fde->size;
    if (!fill_entry(entry, tables, fde))
        return false;
    drop_cie(shared);
    for (uint32_t i = index + 1; is_free(s, i) && addr_of(s->entries[i]) < end; i++)
        set_addr(s->entries[i], end);
    set_addr(entry, fde->addr);
    if (old > fde->addr && old < BEHIND)
        wait_for_lookups(unwinder);
    set_size(entry, fde->size);
    s->n_live++;
    s->last_taken = index;
    if (unwinder->add_entry)
        unwinder->add_entry(entry);
    return true;
}

/* The function's contents stay readable: who sorts or searches without a sorted table reads the CIE of free entries. */
static void kill_entry(const oji_unwinder *unwinder, sheet *s, uint8_t *entry)
{
    if (unwinder->remove_entry)
        unwinder->remove_entry(entry);
    set_size(entry, 0);
    s->n_live--;
}

static void free_free_entries(sheet *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (size_of(s->entries[i]) == 0)
            free_entry(s->entries[i]);
}

static uint64_t sheet_size(uint64_t n) { return sizeof(sheet) + (n + 1) * sizeof(uint8_t *); }

/* `registered` has been freed, or waits. */
static void free_sheet(sheet *s) { oji_release(oji_unwind_heap(), s, sheet_size(s->capacity)); }

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

/* --- making a sheet from others ----------------------------------------------------------------------------------- */

typedef struct maker {
    sheet *made;
    uint64_t end;    /* of the last function */
    uint64_t n_free; /* entries that were free in the old sheet since then */
    uint32_t spare;  /* entries to add next to the functions that are new */
    bool was_new;    /* the last function is new */
    bool has_before; /* spare entries in front of the new functions */
    bool has_behind;
    const oji_unwind_tables *tables;
    const oji_eh_fde *fdes;
    uint32_t n_fdes;
    uint32_t next; /* of them */
} maker;

static bool append(maker *m, uint8_t *entry)
{
    if (!entry)
        return false;
    OJI_ASSERT(m->made->n < m->made->capacity);
    m->made->entries[m->made->n++] = entry;
    return true;
}

/* As many entries as may ever be used, ascending and no two alike: sorting must not change their order. */
static bool append_free(maker *m, uint64_t n, uint64_t from, uint64_t to, bool is_low)
{
    uint64_t most = (to - from) / GRANULE;
    if (n > most)
        n = most;
    for (uint64_t i = 0; i < n; i++)
        if (!append(m, new_entry(is_low ? from + i : to - n + i)))
            return false;
    return true;
}

/* Half of what was free in a gap stays: elsewhere code may still be growing. Spare entries in front of the new functions
 * have low addresses, those behind have high ones, so that there is room for growth in either direction. */
static bool append_gap(maker *m, uint64_t to, bool is_new)
{
    uint64_t n = m->n_free / 2, middle = m->end + (to - m->end) / 2;
    m->n_free = 0;
    if (to < m->end)
        return true;
    if (is_new && !m->has_before) {
        m->has_before = true;
        if (!append_free(m, m->spare / 2, m->end, middle, true))
            return false;
    }
    if (m->was_new && !is_new && !m->has_behind) {
        m->has_behind = true;
        n += m->spare;
    }
    return append_free(m, n, middle, to, false);
}

static bool append_function(maker *m, uint8_t *entry, bool is_new)
{
    if (!append(m, entry))
        return false;
    m->made->n_live++;
    m->end = end_of(entry);
    m->was_new = is_new;
    return true;
}

static bool append_new(maker *m)
{
    const oji_eh_fde *fde = &m->fdes[m->next];
    uint8_t *entry;
    if (!append_gap(m, fde->addr, true))
        return false;
    entry = oji_cells_take(OJI_CELL_SIZE);
    if (entry && !fill_entry(entry, m->tables, fde)) {
        oji_cells_free(entry, OJI_CELL_SIZE);
        entry = NULL;
    }
    if (!entry)
        return false;
    set_addr(entry, fde->addr);
    set_size(entry, fde->size);
    m->next++;
    return append_function(m, entry, true);
}

static bool append_old(maker *m, const sheet *old)
{
    for (uint32_t i = 1; i < old->n; i++) {
        uint8_t *entry = old->entries[i];
        if (size_of(entry) == 0) {
            m->n_free += addr_of(entry) < BEHIND;
            continue;
        }
        while (m->next < m->n_fdes && m->fdes[m->next].addr < addr_of(entry))
            if (!append_new(m))
                return false;
        if (!append_gap(m, addr_of(entry), false) || !append_function(m, entry, false))
            return false;
    }
    return true;
}

static bool append_all(maker *m, sheet *const *olds, uint32_t n_olds)
{
    m->made->registered = oji_allocate(oji_unwind_heap(), sizeof(registered));
    if (!m->made->registered || !append(m, new_entry(m->made->low)))
        return false;
    for (uint32_t i = 0; i < n_olds; i++)
        if (!append_old(m, olds[i]))
            return false;
    while (m->next < m->n_fdes)
        if (!append_new(m))
            return false;
    for (uint32_t i = 0; i < m->spare; i++)
        if (!append(m, new_entry(BEHIND + i)))
            return false;
    m->made->entries[m->made->n] = NULL;
    return true;
}

/* Only entries that are the new sheet's own: those taken over belong to the old one still. The old ones' functions
 * ascend as the new one's do. */
static void unmake(maker *m, sheet *const *olds, uint32_t n_olds)
{
    uint32_t o = 0, at = 1;
    for (uint32_t i = 0; i < m->made->n; i++) {
        uint8_t *entry = m->made->entries[i];
        while (o < n_olds && (at == olds[o]->n || size_of(olds[o]->entries[at]) == 0)) {
            if (at < olds[o]->n)
                at++;
            else
                o++, at = 1;
        }
        if (o < n_olds && entry == olds[o]->entries[at])
            at++;
        else
            free_entry(entry);
    }
    if (m->made->registered)
        oji_release(oji_unwind_heap(), m->made->registered, sizeof(registered));
    free_sheet(m->made);
}

/* Spare ones before and behind the new functions and at the end, and no more free ones than there were. */
static bool make(maker *m, sheet *const *olds, uint32_t n_olds)
{
    uint64_t n_live = m->n_fdes, n_old = 0, capacity;
    for (uint32_t i = 0; i < n_olds; i++) {
        n_live += olds[i]->n_live;
        n_old += olds[i]->n;
    }
    m->spare = (uint32_t)(SPARE_LEAST + n_live / SPARE_SHARE);
    capacity = 1 + n_live + n_old / 2 + 3 * (uint64_t)m->spare;
    if (capacity >= UINT32_MAX)
        return false;
    /* Entries that are never used are not touched: much of a large sheet then has no page. */
    m->made = oji_allocate(oji_unwind_heap(), sheet_size(capacity));
    if (m->made)
        *m->made = (sheet){.capacity = (uint32_t)capacity};
    return m->made != NULL;
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

/* Put `s` (NULL: nothing) where n_olds sheets were. There is room. */
static void exchange(uint32_t at, uint32_t n_olds, sheet *s)
{
    uint32_t n_new = s != NULL;
    memmove(all.sheets + at + n_new, all.sheets + at + n_olds, (all.n - at - n_olds) * sizeof(sheet *));
    all.n = all.n - n_olds + n_new;
    if (s)
        all.sheets[at] = s;
    if (all.n == 0) {
        oji_release(oji_unwind_heap(), all.sheets, (uint64_t)all.capacity * sizeof(sheet *));
        all.sheets = NULL;
        all.capacity = 0;
    }
}

/* Replace n_olds sheets from `at` by one that has their functions and those of *m. The new one is registered before
 * the old ones are taken back, so that no function is without an entry for a moment. */
static bool replace(const oji_unwinder *unwinder, maker *m, span pages, uint32_t at, uint32_t n_olds)
{
    sheet *olds[2], *made;
    for (uint32_t i = 0; i < n_olds; i++)
        olds[i] = all.sheets[at + i];
    if (!reserve_sheet() || !make(m, olds, n_olds))
        return false;
    made = m->made;
    made->low = n_olds > 0 && olds[0]->low < pages.low ? olds[0]->low : pages.low;
    made->high = n_olds > 0 && olds[n_olds - 1]->high > pages.high ? olds[n_olds - 1]->high : pages.high;
    m->end = made->low;
    if (!append_all(m, olds, n_olds)) {
        unmake(m, olds, n_olds);
        return false;
    }
    unwinder->add_array(made->entries, made->registered->object);
    for (uint32_t i = 0; i < n_olds; i++)
        unwinder->remove(olds[i]->entries);
    look_into(unwinder, made);
    for (uint32_t i = 0; i < n_olds; i++) {
        free_free_entries(olds[i]);
        retire(olds[i]->registered);
        free_sheet(olds[i]);
    }
    free_old();
    exchange(at, n_olds, made);
    return true;
}

/* --- functions that come and go ----------------------------------------------------------------------------------- */

/* As many as find free entries, and memory for their CIEs. */
static uint32_t publish_some(const oji_unwinder *unwinder, sheet *s, const oji_unwind_tables *tables,
                             const oji_eh_fde *fdes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = choose(s, fdes[i].addr);
        if (index == 0 || !publish(unwinder, s, index, tables, &fdes[i]))
            return i;
    }
    return n;
}

bool oji_sheet_add(const oji_unwinder *unwinder, const oji_unwind_tables *tables, uint32_t range, uint32_t first,
                   uint32_t n)
{
    span pages = pages_of(&tables->ranges[range]);
    uint32_t above = find_sheet_above(pages.low), done = 0;
    bool has_left = above > 0 && all.sheets[above - 1]->high >= pages.low;
    bool has_right = above < all.n && all.sheets[above]->low <= pages.high;
    maker m = {.tables = tables};
    if (has_left && !has_right) {
        sheet *s = all.sheets[above - 1];
        s->high = s->high > pages.high ? s->high : pages.high;
        done = publish_some(unwinder, s, tables, tables->fdes + first, n);
        if (done == n)
            return true;
    }
    m.fdes = tables->fdes + first + done;
    m.n_fdes = n - done;
    if (!replace(unwinder, &m, pages, above - has_left, (uint32_t)has_left + has_right)) {
        if (done > 0)
            oji_sheet_remove(unwinder, &tables->ranges[range]);
        return false;
    }
    for (uint32_t i = above - has_left, j = 0; unwinder->add_entry && j < m.n_fdes; j++)
        unwinder->add_entry(all.sheets[i]->entries[find_above(all.sheets[i], m.fdes[j].addr) - 1]);
    return true;
}

static void drop_sheet(const oji_unwinder *unwinder, uint32_t at)
{
    sheet *s = all.sheets[at];
    unwinder->remove(s->entries);
    free_free_entries(s);
    oji_release(oji_unwind_heap(), s->registered, sizeof(registered));
    free_sheet(s);
    exchange(at, 1, NULL);
    free_old();
}

/* A sheet that is mostly free is made smaller where there is memory to do it with. */
void oji_sheet_remove(const oji_unwinder *unwinder, const oji_unwind_range *range)
{
    uint32_t at = find_sheet_above(range->addr) - 1;
    sheet *s;
    /* A provider that gave the same addresses twice has lost the functions of both. */
    if (at >= all.n)
        return;
    s = all.sheets[at];
    for (uint32_t i = find_above(s, range->addr - 1); i < s->n; i++) {
        uint64_t addr = addr_of(s->entries[i]);
        if (addr - range->addr >= range->size)
            break;
        if (size_of(s->entries[i]) > 0)
            kill_entry(unwinder, s, s->entries[i]);
    }
    wait_for_lookups(unwinder);
    if (s->n_live == 0) {
        drop_sheet(unwinder, at);
    } else if (s->n > SMALL_SHEET && s->n_live < s->n / 4) {
        maker m = {0};
        (void)replace(unwinder, &m, (span){s->low, s->high}, at, 1);
    }
}
