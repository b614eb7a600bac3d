/* What describes a function to the unwinder: an FDE in a cell of its own, and a CIE that it shares with others. */
#include "code/sheet.h"

enum { CIE_HEAD = 8, TAIL = 4 };

/* CIEs are shared by content. */
typedef struct shared_cie {
    uint32_t n_users;
    uint32_t size; /* bytes that follow */
} shared_cie;

/* Most codes have one of a few. What each was written from is compared, so that none is written to be found. */
static struct {
    shared_cie *shared; /* NULL where there is none */
    oji_eh_cie cie;     /* its program is the one that was written */
} recent[8];
static uint32_t next_recent;

static uint8_t *cie_bytes(shared_cie *cie) { return (uint8_t *)(cie + 1); }

/* Are the same bytes written of both? ORDER EH CIE. */
static bool is_alike(const oji_eh_cie *a, const oji_eh_cie *b)
{
    return a->program_size == b->program_size && a->return_register == b->return_register &&
           a->code_alignment == b->code_alignment && a->data_alignment == b->data_alignment &&
           a->personality == b->personality && (a->lsda_encoding == 0xff) == (b->lsda_encoding == 0xff) &&
           a->is_indirect == b->is_indirect && a->is_signal == b->is_signal && a->has_b_key == b->has_b_key &&
           a->is_tagged == b->is_tagged &&
           (a->program_size == 0 || memcmp(a->program, b->program, a->program_size) == 0);
}

static shared_cie *find_recent(const oji_eh_cie *cie)
{
    for (size_t i = 0; i < OJI_COUNT(recent); i++)
        if (recent[i].shared && is_alike(&recent[i].cie, cie))
            return recent[i].shared;
    return NULL;
}

/* NULL where memory ends. */
static shared_cie *use_cie(const oji_eh_cie *cie)
{
    shared_cie *shared = find_recent(cie);
    uint32_t at = next_recent % OJI_COUNT(recent);
    uint64_t size;
    if (shared) {
        shared->n_users++;
        return shared;
    }
    size = oji_eh_cie_size(cie);
    shared = oji_cells_take_for_cie(CIE_HEAD + size);
    if (!shared)
        return NULL;
    shared->n_users = 1;
    shared->size = (uint32_t)size;
    recent[at].shared = shared;
    recent[at].cie = *cie;
    recent[at].cie.program = oji_eh_write_cie(cie_bytes(shared), size, cie);
    next_recent++;
    return shared;
}

static void drop_cie(shared_cie *cie)
{
    if (--cie->n_users > 0)
        return;
    for (size_t i = 0; i < OJI_COUNT(recent); i++)
        if (recent[i].shared == cie)
            recent[i].shared = NULL;
    oji_cells_free(cie, CIE_HEAD + cie->size);
}

static shared_cie *cie_of(uint8_t *entry)
{
    uint8_t *cie = entry + OJI_EH_FDE_CIE - (int32_t)oji_load32_host(entry + OJI_EH_FDE_CIE);
    return (shared_cie *)(void *)(cie - CIE_HEAD);
}

/* `tail` more bytes are zero. The entry uses the CIE. NULL where memory ends. */
static uint8_t *make(const oji_eh_cie *cie, shared_cie *shared, const oji_eh_fde *fde, uint64_t tail)
{
    uint64_t size = oji_eh_fde_size(cie, fde->program_size);
    uint8_t *entry = shared ? oji_cells_take(size + tail) : NULL;
    if (entry) {
        oji_eh_write_fde(entry, size, cie, cie_bytes(shared), fde);
        memset(entry + size, 0, (size_t)tail);
    } else if (shared) {
        drop_cie(shared);
    }
    return entry;
}

/* Functions of one CIE follow each other. */
bool oji_entries_make(const oji_unwind_tables *tables, uint32_t first, uint32_t n, uint8_t **entries)
{
    shared_cie *shared = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const oji_eh_fde *fde = &tables->fdes[first + i];
        if (i > 0 && fde->cie == fde[-1].cie)
            shared->n_users++;
        else
            shared = use_cie(&tables->cies[fde->cie]);
        entries[i] = make(&tables->cies[fde->cie], shared, fde, 0);
        if (!entries[i]) {
            oji_entries_free(entries, i);
            return false;
        }
    }
    return true;
}

/* Its CIE has the encoding that all have. Where the mark is found its frame is the last of the stack, as one without
 * an entry is: the return address is undefined, and the frame's own is said by an expression, as that needs no register
 * of an architecture's. */
uint8_t *oji_entry_make_mark(uint64_t addr)
{
    enum { COLUMN = 16, DEF_CFA_EXPRESSION = 0x0f, UNDEFINED = 0x07, LIT0 = 0x30 };
    static const uint8_t last[] = {DEF_CFA_EXPRESSION, 1, LIT0, UNDEFINED, COLUMN};
    static const oji_eh_cie plain = {.program = last,
                                     .program_size = sizeof last,
                                     .code_alignment = 1,
                                     .data_alignment = -8,
                                     .return_register = COLUMN,
                                     .lsda_encoding = 0xff};
    const oji_eh_fde nothing = {.addr = addr};
    return make(&plain, use_cie(&plain), &nothing, TAIL);
}

static void end_entry(uint8_t *entry, uint64_t tail)
{
    uint64_t size = oji_load32_host(entry) + UINT64_C(4) + tail;
    drop_cie(cie_of(entry));
    oji_cells_free(entry, size);
}

void oji_entry_free_mark(uint8_t *mark)
{
    if (mark)
        end_entry(mark, TAIL);
}

void oji_entries_free(uint8_t *const *entries, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        end_entry(entries[i], 0);
}

/* --- entries that stay -------------------------------------------------------------------------------------------- */

/* Before the FDE: the cell that was made before it, as a number of 8 bytes. A look-up reads no more of an entry that it
 * does not end at than address and size, so that one without functions has no CIE. */
enum { LINK = 8 };

static uint8_t *next_cell(const uint8_t *entry) { return (uint8_t *)(uintptr_t)oji_load64_host(entry - LINK); }
static uint64_t cell_size(const uint8_t *entry) { return oji_load32_host(entry) + UINT64_C(4); }
static bool is_resting(const uint8_t *entry) { return oji_load32_host(entry + OJI_EH_FDE_CIE) == 0; }

/* Its size becomes 0 and then another one: a look-up that reads it meanwhile sees no function that is larger than
 * either of the two, however its bytes are stored. Cells are words of 4, so that a load of the field's 8 bytes may be
 * two. That cannot matter: what is read is below 2 GiB (oji_leaves_want()), which the aligned lower half says alone. */
void oji_entry_rest(uint8_t *entry)
{
    drop_cie(cie_of(entry));
    oji_store32_host(entry + OJI_EH_FDE_CIE, 0);
    oji_store64_host(entry + OJI_EH_FDE_SIZE, 0);
}

/* Twice the size of the largest that there was, so that all cells of an address are not much more than its last. */
static uint8_t *find_resting(uint8_t *cells, uint64_t addr, uint64_t *size)
{
    for (; cells; cells = next_cell(cells)) {
        if (!is_resting(cells) || oji_entry_addr(cells) != addr)
            continue;
        if (cell_size(cells) >= *size)
            return cells;
        *size = *size < 2 * cell_size(cells) ? 2 * cell_size(cells) : *size;
    }
    return NULL;
}

uint8_t *oji_entry_wake(const oji_unwind_tables *tables, uint32_t index, uint8_t **cells)
{
    const oji_eh_fde *fde = &tables->fdes[index];
    const oji_eh_cie *cie = &tables->cies[fde->cie];
    uint64_t needed = oji_eh_fde_size(cie, fde->program_size), size = needed;
    uint8_t *entry = find_resting(*cells, fde->addr, &size), *cell;
    shared_cie *shared = use_cie(cie);
    if (!shared)
        return NULL;
    if (!entry) {
        cell = oji_cells_take(LINK + size);
        if (!cell) {
            drop_cie(shared);
            return NULL;
        }
        oji_store64_host(cell, (uintptr_t)*cells);
        entry = *cells = cell + LINK;
    } else {
        size = cell_size(entry);
    }
    memset(entry + needed - 4, 0, (size_t)(size - needed + 4));
    __atomic_thread_fence(__ATOMIC_RELEASE);
    oji_eh_write_fde(entry, size, cie, cie_bytes(shared), fde);
    return entry;
}

void oji_entries_end(uint8_t *cells)
{
    while (cells) {
        uint8_t *next = next_cell(cells);
        uint64_t size = cell_size(cells);
        if (!is_resting(cells))
            oji_entry_rest(cells);
        oji_cells_free(cells - LINK, LINK + size);
        cells = next;
    }
}
