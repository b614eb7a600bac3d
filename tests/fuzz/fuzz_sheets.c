/* Many unwind tables, added and removed in any order: the first half of the input are .eh_frame sections as they come
 * from outside, the rest steps. A model knows which functions are live: the process's unwinder must find each of them
 * after every step, in its own table, and none that is gone. */
#include "unit/object_walk.h"

#include "code/unwind.h"

/* Functions of a table have slots of their own, so that any two tables can be live at once. */
#define RUN UINT64_C(0x10000000000)
#define TEXT_SIZE UINT64_C(0x10000)
#define STRIDE UINT64_C(0x1000000)

enum { MAX_TABLES = 16, MAX_FDES = 64, MAX_STEPS = 48, N_PLACES = 32 };

typedef struct table {
    oji_eh_cie cies[MAX_FDES];
    oji_eh_fde fdes[MAX_FDES];
    oji_unwind_range range;
    oji_unwind_tables tables;
    oj_record record;
    bool is_live;
} table;

/* By place: which addresses the code of a table has. */
static table all[N_PLACES];

/* Four lie together, as in a slab, every other four. */
static uint64_t text_of(size_t place) { return RUN + place / 4 * STRIDE + 0x100000 + place % 4 * (TEXT_SIZE + 0x810); }

static void keep(table *t, const oji_eh_cie *cie, oji_eh_fde fde, uint64_t text)
{
    uint32_t n = t->tables.n_fdes;
    /* The reader's addresses are relative to its section: they are brought into the text in order. */
    fde.addr = n == 0 ? text : t->fdes[n - 1].addr + t->fdes[n - 1].size + fde.addr % 64;
    fde.size = fde.size % 4096 + 1;
    if (n == MAX_FDES || fde.addr + fde.size > text + TEXT_SIZE)
        return;
    if (n == 0 || t->cies[t->tables.n_cies - 1].offset != cie->offset)
        t->cies[t->tables.n_cies++] = *cie;
    fde.cie = t->tables.n_cies - 1;
    t->fdes[n] = fde;
    t->tables.n_fdes++;
}

/* False where there is no function in the section. */
static bool read_table(table *t, size_t place, const uint8_t *data, size_t size)
{
    oji_eh_reader reader = {.bytes = {data, size}, .run_addr = RUN, .n_registers = 17};
    oji_eh_cie cie = {.offset = UINT64_MAX};
    oji_eh_fde fde;
    t->range = (oji_unwind_range){.addr = text_of(place), .size = TEXT_SIZE, .is_shared = place / 4 % 2 == 0};
    t->tables = (oji_unwind_tables){.cies = t->cies, .fdes = t->fdes, .ranges = &t->range, .n_ranges = 1};
    while (oji_eh_next(&reader, &cie, &fde) == OJI_EH_FDE)
        keep(t, &cie, fde, text_of(place));
    return t->tables.n_fdes > 0;
}

static void add(size_t place, const uint8_t *data, size_t size)
{
    table *t = &all[place];
    oj_error error;
    if (t->is_live || !read_table(t, place, data, size))
        return;
    t->record = (oj_record){0};
    OJT_REQUIRE(oji_unwind_add(&t->tables, &t->record, &error) == OJ_OK);
    OJT_REQUIRE(oji_unwind_registry.is_known(&t->record));
    t->is_live = true;
}

static void drop(size_t place)
{
    table *t = &all[place];
    if (!t->is_live)
        return;
    oji_unwind_registry.undo(&t->record);
    t->is_live = false;
}

static const uint8_t *find(uint64_t pc)
{
    void *bases[4];
    return oji_unwinder_bind()->find((void *)(uintptr_t)pc, bases);
}

static void check_live(const table *t)
{
    for (uint32_t i = 0; i < t->tables.n_fdes; i++) {
        const oji_eh_fde *fde = &t->fdes[i];
        const uint8_t *entry = find(fde->addr + fde->size - 1);
        OJT_REQUIRE(entry && find(fde->addr) == entry);
        OJT_REQUIRE(oji_load64(entry + OJI_EH_FDE_ADDR) == fde->addr);
        OJT_REQUIRE(oji_load64(entry + OJI_EH_FDE_SIZE) == fde->size);
        if (fde->addr + fde->size < t->range.addr + TEXT_SIZE &&
            (i + 1 == t->tables.n_fdes || t->fdes[i + 1].addr > fde->addr + fde->size))
            OJT_REQUIRE(!find(fde->addr + fde->size));
    }
}

static void check_all(void)
{
    for (size_t place = 0; place < N_PLACES; place++)
        if (all[place].is_live)
            check_live(&all[place]);
        else
            OJT_REQUIRE(!find(text_of(place)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n_steps = size / 2 < MAX_STEPS ? size / 2 : MAX_STEPS;
    const uint8_t *steps = data + size - n_steps;
    for (size_t i = 0; i < n_steps; i++) {
        size_t place = steps[i] % N_PLACES;
        /* Sections begin at any word, so that a few bytes give many tables. */
        size_t from = i % 4 == 3 ? 0 : (size_t)(steps[i] >> 5) * 4;
        if (steps[i] & 128)
            drop(place);
        else if (from < size - n_steps)
            add(place, data + from, size - n_steps - from);
        check_all();
    }
    for (size_t place = 0; place < N_PLACES; place++)
        drop(place);
    check_all();
    return 0;
}
