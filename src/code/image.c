/* Unwind tables for unwinders that keep ranges in a search tree (libgcc from 13 on, for code that no leaf is for), and
 * for LLVM's, which keeps single functions: each range of code has a table of its own, which never changes. */
#include "code/sheet.h"

/* The table is for [low, high), which may begin inside its first function and end inside its last one. */
struct oji_image {
    uint64_t object[OJI_UNWINDER_OBJECT_SIZE / 8]; /* the unwinder's */
    uint64_t size;                                 /* bytes in all */
    oji_image *next;                               /* what follows of the same range */
    uint64_t low;
    uint64_t high;
    uint64_t first_off; /* of entries in the table */
    uint64_t last_off;
    bool is_registered; /* with a tree */
    bool is_entered;    /* its stretches are known to have it */
    uint8_t table[];
};

/* Bytes: an FDE must reach its CIE with 32 bits. */
#define IMAGE_MOST (UINT64_C(1) << 31)

/* CIEs are written again where functions of several follow each other in turn, unless they are among the first. */
#define REMEMBERED 16u

typedef struct writer {
    uint8_t *to; /* NULL: sizes are counted only */
    uint64_t size;
    uint64_t cie_off[REMEMBERED]; /* + 1; 0 = not written */
    uint32_t last_cie;            /* index + 1 */
    uint64_t last_off;
    uint64_t first_fde;
    uint64_t last_fde;
} writer;

static void put_cie(writer *w, const oji_eh_cie *cie, uint32_t index)
{
    uint64_t size = oji_eh_cie_size(cie);
    bool is_first = index < REMEMBERED;
    if (w->last_cie == index + 1)
        return;
    w->last_cie = index + 1;
    if (is_first && w->cie_off[index]) {
        w->last_off = w->cie_off[index] - 1;
        return;
    }
    w->last_off = w->size;
    if (is_first)
        w->cie_off[index] = w->size + 1;
    if (w->to)
        oji_eh_write_cie(w->to + w->size, size, cie);
    w->size += size;
}

static void put_fde(writer *w, const oji_eh_cie *cie, const oji_eh_fde *fde)
{
    uint64_t size = oji_eh_fde_size(cie, fde->program_size);
    w->last_fde = w->size;
    if (w->to)
        oji_eh_write_fde(w->to + w->size, size, cie, w->to + w->last_off, fde);
    w->size += size;
}

/* Counted where `to` is NULL, else written; a length of 0 ends it. */
static writer put_all(uint8_t *to, const oji_unwind_tables *tables, uint32_t first, uint32_t n)
{
    writer w = {.to = to};
    for (uint32_t i = first; i < first + n; i++) {
        const oji_eh_fde *fde = &tables->fdes[i];
        put_cie(&w, &tables->cies[fde->cie], fde->cie);
        if (i == first)
            w.first_fde = w.size;
        put_fde(&w, &tables->cies[fde->cie], fde);
    }
    if (to)
        memset(to + w.size, 0, 8);
    w.size += 8;
    return w;
}

/* Every FDE of the images, which are ours: lengths are true. A function that is in two is told of twice. */
void oji_image_for_each(const oji_image *image, void (*tell_of)(const void *))
{
    for (; image; image = image->next) {
        const uint8_t *at = image->table;
        for (uint32_t length = oji_load32_host(at); length != 0; length = oji_load32_host(at)) {
            if (oji_load32_host(at + 4) != 0)
                tell_of(at);
            at += 4 + length;
        }
    }
}

static uint64_t addr_at(const oji_image *image, uint64_t off)
{
    return oji_load64_host(image->table + off + OJI_EH_FDE_ADDR);
}
static uint64_t end_at(const oji_image *image, uint64_t off)
{
    return addr_at(image, off) + oji_load64_host(image->table + off + OJI_EH_FDE_SIZE);
}
static void set_at(oji_image *image, uint64_t off, uint64_t addr, uint64_t end)
{
    oji_store64_host(image->table + off + OJI_EH_FDE_ADDR, addr);
    oji_store64_host(image->table + off + OJI_EH_FDE_SIZE, end - addr);
}

/* Call the unwinder while the table says that it is for [low, high). Nobody else looks at it meanwhile: no function of
 * it runs yet, or any more. */
static void call_with_bounds(const oji_unwinder *unwinder, oji_image *image, bool add)
{
    uint64_t first_addr = addr_at(image, image->first_off), last_end = end_at(image, image->last_off);
    set_at(image, image->first_off, image->low, end_at(image, image->first_off));
    set_at(image, image->last_off, addr_at(image, image->last_off), image->high);
    if (add)
        unwinder->add(image->table, image->object);
    else
        unwinder->remove(image->table);
    image->is_registered = add;
    set_at(image, image->first_off, first_addr, end_at(image, image->first_off));
    set_at(image, image->last_off, addr_at(image, image->last_off), last_end);
}

/* Not registered. */
static oji_image *make(const oji_unwind_tables *tables, uint32_t first, uint32_t n, uint64_t low, uint64_t high)
{
    writer counted = put_all(NULL, tables, first, n);
    uint64_t size = sizeof(oji_image) + counted.size;
    oji_image *image = size < IMAGE_MOST ? oji_allocate(oji_unwind_heap(), size) : NULL;
    if (!image)
        return NULL;
    image->size = size;
    image->next = NULL;
    image->is_registered = image->is_entered = false;
    image->low = low;
    image->high = high;
    image->first_off = counted.first_fde;
    image->last_off = counted.last_fde;
    put_all(image->table, tables, first, n);
    return image;
}

/* --- libgcc 13.1 to 14.2 lose what a fence of their tree lies in (GCC bug 119151) --------------------------------- */

/* A fence is an address that parts two nodes; it stays when the range that it stood behind is gone. A range that is
 * put across one goes into the node on its left, and lookups beyond the fence go to the one on its right. So each
 * table is looked for at its end, and where it is lost, two tables meet at the fence. */
static bool is_found(const oji_unwinder *unwinder, const oji_eh_fde *fde, uint64_t pc)
{
    void *bases[4] = {NULL};
    return unwinder->find((void *)(uintptr_t)pc, bases) && (uint64_t)(uintptr_t)bases[2] == fde->addr;
}

static uint64_t last_byte(const oji_eh_fde *fde) { return fde->addr + fde->size - 1; }

/* The first address of a function that is lost, in functions [*index, end), of which the last one's `pc` is, the last
 * address that counts; *index is set to the function. */
static uint64_t find_lost(const oji_unwinder *unwinder, const oji_unwind_tables *tables, uint32_t *index, uint32_t end,
                          uint64_t low, uint64_t pc)
{
    uint32_t first = *index, last = end - 1;
    uint64_t from, to;
    while (first < last) {
        uint32_t middle = first + (last - first) / 2;
        if (is_found(unwinder, &tables->fdes[middle], last_byte(&tables->fdes[middle])))
            first = middle + 1;
        else
            last = middle;
    }
    *index = first;
    from = tables->fdes[first].addr < low ? low : tables->fdes[first].addr;
    to = last_byte(&tables->fdes[first]) < pc ? last_byte(&tables->fdes[first]) : pc;
    while (from < to) {
        uint64_t middle = from + (to - from) / 2;
        if (is_found(unwinder, &tables->fdes[first], middle))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Register functions [first, end) from address `low` up to *to in a table, or as much of them as is found in one: *to
 * is set to where that ends. NULL where memory ends. */
static oji_image *add_piece(const oji_unwinder *unwinder, const oji_unwind_tables *tables, uint32_t first, uint32_t end,
                            uint64_t low, uint64_t *to)
{
    const oji_eh_fde *last = &tables->fdes[end - 1];
    const uint64_t pc = *to - 1;
    oji_image *image = make(tables, first, end - first, low, *to);
    uint32_t lost = first;
    void *bases[4];
    if (!image)
        return NULL;
    /* The tree ends the process where it is given addresses twice, and then asked to take both back. */
    if (unwinder->find((void *)(uintptr_t)low, bases) || unwinder->find((void *)(uintptr_t)pc, bases))
        return image;
    call_with_bounds(unwinder, image, true);
    if (is_found(unwinder, last, pc))
        return image;
    *to = find_lost(unwinder, tables, &lost, end, low, pc);
    /* Nothing better is to be had where not even the start is found. */
    if (*to <= low) {
        *to = image->high;
        return image;
    }
    call_with_bounds(unwinder, image, false);
    oji_release(oji_unwind_heap(), image, image->size);
    lost += tables->fdes[lost].addr < *to;
    image = make(tables, first, lost - first, low, *to);
    if (image) {
        last = &tables->fdes[lost - 1];
        image->high = last->addr + last->size < *to ? last->addr + last->size : *to;
        call_with_bounds(unwinder, image, true);
    }
    return image;
}

static oji_image *add_to_tree(const oji_unwinder *unwinder, const oji_unwind_tables *tables, uint32_t first,
                              uint32_t end, uint64_t low, uint64_t high)
{
    oji_image *head = NULL, **tail = &head;
    while (low < high) {
        uint64_t to = high;
        while (tables->fdes[first].addr + tables->fdes[first].size <= low)
            first++;
        if (low < tables->fdes[first].addr)
            low = tables->fdes[first].addr;
        *tail = add_piece(unwinder, tables, first, end, low, &to);
        if (*tail)
            (*tail)->is_entered = oji_stretches_enter((*tail)->low, (*tail)->high);
        if (!*tail || !(*tail)->is_entered) {
            oji_image_remove(unwinder, head);
            return NULL;
        }
        tail = &(*tail)->next;
        low = to;
    }
    return head;
}

oji_image *oji_image_add(const oji_unwinder *unwinder, const oji_unwind_part *part)
{
    const oji_eh_fde *first = &part->tables->fdes[part->first], *last = first + part->n - 1;
    uint64_t low = first->addr > part->low ? first->addr : part->low;
    uint64_t high = last->addr + last->size < part->high ? last->addr + last->size : part->high;
    oji_image *image;
    oji_unwind_block_signals();
    if (unwinder->kind == OJI_UNWINDER_TREE || unwinder->kind == OJI_UNWINDER_LEAVES)
        image = add_to_tree(unwinder, part->tables, part->first, part->first + part->n, low, high);
    else
        image = make(part->tables, part->first, part->n, low, high);
    if (image && unwinder->kind == OJI_UNWINDER_LISTS)
        call_with_bounds(unwinder, image, true);
    if (image && unwinder->add_entry)
        oji_image_for_each(image, unwinder->add_entry);
    return image;
}

void oji_image_remove(const oji_unwinder *unwinder, oji_image *image)
{
    oji_unwind_block_signals();
    if (unwinder->remove_entry)
        oji_image_for_each(image, unwinder->remove_entry);
    while (image) {
        oji_image *next = image->next;
        if (image->is_registered)
            call_with_bounds(unwinder, image, false);
        if (image->is_entered)
            oji_stretches_leave(image->low, image->high);
        oji_release(oji_unwind_heap(), image, image->size);
        image = next;
    }
}
