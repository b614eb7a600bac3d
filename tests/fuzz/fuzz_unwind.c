/* Any bytes as .eh_frame: what is accepted is registered with the process's unwinder and looked up, and written as a
 * table for an unwinder with a search tree, which is one of our own here that reads it with suspicion. Nothing runs. */
#include "unit/object_walk.h"

#include "code/unwind.h"

#define RUN UINT64_C(0x10000000000)
#define TEXT (RUN + 0x10000)
#define TEXT_SIZE UINT64_C(0x10000)
#define MOST 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct found {
    oji_eh_cie cies[MOST];
    oji_eh_fde fdes[MOST];
    oji_unwind_range range;
    oji_unwind_tables tables;
} found;

static bool is_in_text(const oji_eh_fde *fde)
{
    return fde->addr >= TEXT && fde->addr - TEXT < TEXT_SIZE && fde->size <= TEXT_SIZE - (fde->addr - TEXT);
}

/* In the order of the section only what ascends, as the linker has it after sorting. */
static void keep(found *f, const oji_eh_cie *cie, const oji_eh_fde *fde)
{
    uint32_t n = f->tables.n_fdes;
    if (n == MOST || !is_in_text(fde) || (n > 0 && fde->addr < f->fdes[n - 1].addr + f->fdes[n - 1].size))
        return;
    if (n == 0 || f->cies[f->tables.n_cies - 1].offset != cie->offset)
        f->cies[f->tables.n_cies++] = *cie;
    f->fdes[n] = *fde;
    f->fdes[n].cie = f->tables.n_cies - 1;
    f->tables.n_fdes++;
}

static void read_all(found *f, oji_eh_reader *reader)
{
    oji_eh_cie cie = {.offset = UINT64_MAX};
    oji_eh_fde fde;
    oji_eh_step step;
    while ((step = oji_eh_next(reader, &cie, &fde)) == OJI_EH_FDE) {
        OJT_REQUIRE(fde.size != 0 && fde.addr + fde.size > fde.addr);
        OJT_REQUIRE(fde.program_size <= reader->bytes.size && cie.program_size <= reader->bytes.size);
        OJT_REQUIRE(cie.return_register < reader->n_registers);
        keep(f, &cie, &fde);
    }
    OJT_REQUIRE((step == OJI_EH_BAD) == (reader->reason != NULL));
    OJT_REQUIRE(reader->failed_at <= reader->bytes.size);
}

/* --- an unwinder with a tree -------------------------------------------------------------------------------------- */

static const uint8_t *told[2 * MOST];
static uint32_t n_told;

/* A table ends in a length of 0 before this. */
#define TABLE_MOST (UINT64_C(1) << 24)

static oji_eh_reader reader_of(const uint8_t *table)
{
    uint64_t size = 0;
    while (oji_load32(table + size) != 0 && size < TABLE_MOST)
        size += 4 + (uint64_t)oji_load32(table + size);
    return (oji_eh_reader){.bytes = {table, size}, .run_addr = (uint64_t)(uintptr_t)table, .n_registers = 17};
}

static void tree_add(const void *table, void *object)
{
    (void)object;
    OJT_REQUIRE(n_told < OJI_COUNT(told));
    told[n_told++] = table;
}

static void *tree_remove(const void *table)
{
    for (uint32_t i = 0; i < n_told; i++)
        if (told[i] == table) {
            told[i] = told[--n_told];
            return NULL;
        }
    abort();
}

static const void *tree_find(void *pc, void *bases)
{
    for (uint32_t i = 0; i < n_told; i++) {
        oji_eh_reader reader = reader_of(told[i]);
        oji_eh_cie cie = {.offset = UINT64_MAX};
        oji_eh_fde fde;
        oji_eh_step step;
        while ((step = oji_eh_next(&reader, &cie, &fde)) == OJI_EH_FDE)
            if ((uint64_t)(uintptr_t)pc - fde.addr < fde.size) {
                ((void **)bases)[2] = (void *)(uintptr_t)fde.addr;
                return told[i];
            }
        OJT_REQUIRE(step == OJI_EH_END);
    }
    return NULL;
}

static void write_image(const found *f)
{
    static const oji_unwinder tree = {
        .kind = OJI_UNWINDER_TREE, .add = tree_add, .remove = tree_remove, .find = tree_find};
    const oji_unwind_part all = {&f->tables, &f->range, 0, f->tables.n_fdes, TEXT, TEXT + TEXT_SIZE};
    oji_image *image = oji_image_add(&tree, &all);
    void *bases[4];
    OJT_REQUIRE(image != NULL && n_told == 1);
    for (uint32_t i = 0; i < f->tables.n_fdes; i++) {
        OJT_REQUIRE(tree_find((void *)(uintptr_t)f->fdes[i].addr, bases) != NULL);
        OJT_REQUIRE((uint64_t)(uintptr_t)bases[2] == f->fdes[i].addr);
    }
    oji_image_remove(&tree, image);
    OJT_REQUIRE(n_told == 0);
}

/* --- the process's ------------------------------------------------------------------------------------------------ */

static const uint8_t *find(uint64_t pc)
{
    void *bases[4];
    return oji_unwinder_bind()->find((void *)(uintptr_t)pc, bases);
}

static void register_all(const found *f)
{
    oj_record record = {.kind = 0};
    oj_error error;
    OJT_REQUIRE(oji_unwind_add(&f->tables, &record, &error) == OJ_OK);
    OJT_REQUIRE(oji_unwind_registry.is_known(&record));
    for (uint32_t i = 0; i < f->tables.n_fdes; i++) {
        const oji_eh_fde *fde = &f->fdes[i];
        const uint8_t *entry = find(fde->addr + fde->size - 1), *cie;
        OJT_REQUIRE(entry && find(fde->addr) == entry);
        OJT_REQUIRE(oji_load64(entry + OJI_EH_FDE_ADDR) == fde->addr);
        OJT_REQUIRE(oji_load64(entry + OJI_EH_FDE_SIZE) == fde->size);
        cie = entry + OJI_EH_FDE_CIE - (int32_t)oji_load32(entry + OJI_EH_FDE_CIE);
        OJT_REQUIRE(oji_load32(cie + 4) == 0 && cie[9] == 'z');
    }
    oji_unwind_registry.undo(&record);
    OJT_REQUIRE(!find(f->fdes[0].addr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static found f;
    oji_eh_reader reader = {.bytes = {data, size}, .run_addr = RUN, .n_registers = 17};
    f.range = (oji_unwind_range){.addr = TEXT, .size = TEXT_SIZE};
    f.tables = (oji_unwind_tables){.cies = f.cies, .fdes = f.fdes, .ranges = &f.range, .n_ranges = 1};
    read_all(&f, &reader);
    if (f.tables.n_fdes > 0) {
        write_image(&f);
        register_all(&f);
    }
    return 0;
}
