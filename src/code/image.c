/* Unwind tables for unwinders that keep ranges in a search tree (libgcc from 13 on), and for LLVM's, which keeps single
 * functions: each range of code has a table of its own, which never changes. */
#include "code/unwind.h"

struct oji_image {
    uint64_t object[OJI_UNWINDER_OBJECT_SIZE / 8]; /* the unwinder's */
    uint64_t size;                                 /* bytes in all */
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
} writer;

/* Whole words of 8, so that what follows is aligned. */
static void put_cie(writer *w, const oji_eh_cie *cie, uint32_t index)
{
    uint64_t size = (oji_eh_cie_size(cie, 0) + 7) & ~UINT64_C(7);
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
        oji_eh_write_cie(w->to + w->size, size, cie, NULL, 0);
    w->size += size;
}

static void put_fde(writer *w, const oji_eh_cie *cie, const oji_eh_fde *fde)
{
    uint64_t size = oji_eh_fde_size(cie, fde->program_size);
    if (w->to) {
        uint8_t *to = w->to + w->size;
        oji_eh_write_fde(to, size, cie, w->to + w->last_off, fde, fde->program_size);
        oji_store64(to + OJI_EH_FDE_ADDR, fde->addr);
        oji_store64(to + OJI_EH_FDE_SIZE, fde->size);
    }
    w->size += size;
}

/* What is in `to`'s place is counted or written; a length of 0 ends it. */
static uint64_t put_all(uint8_t *to, const oji_unwind_tables *tables, uint32_t first, uint32_t n)
{
    writer w = {.to = to};
    for (uint32_t i = first; i < first + n; i++) {
        const oji_eh_fde *fde = &tables->fdes[i];
        put_cie(&w, &tables->cies[fde->cie], fde->cie);
        put_fde(&w, &tables->cies[fde->cie], fde);
    }
    if (to)
        memset(to + w.size, 0, 8);
    return w.size + 8;
}

/* Every FDE of the image, which is ours: lengths are true. */
static void for_each_entry(const oji_image *image, void (*tell)(const void *))
{
    const uint8_t *at = image->table;
    for (uint32_t length = oji_load32(at); length != 0; length = oji_load32(at)) {
        if (oji_load32(at + 4) != 0)
            tell(at);
        at += 4 + length;
    }
}

oji_image *oji_image_add(const oji_unwinder *unwinder, const oji_unwind_tables *tables, uint32_t first, uint32_t n)
{
    uint64_t size = sizeof(oji_image) + put_all(NULL, tables, first, n);
    oji_image *image = size < IMAGE_MOST ? oji_allocate(oji_unwind_heap(), size) : NULL;
    if (!image)
        return NULL;
    image->size = size;
    put_all(image->table, tables, first, n);
    if (unwinder->kind == OJI_UNWINDER_TREE)
        unwinder->add(image->table, image->object);
    if (unwinder->add_entry)
        for_each_entry(image, unwinder->add_entry);
    return image;
}

void oji_image_remove(const oji_unwinder *unwinder, oji_image *image)
{
    if (unwinder->remove_entry)
        for_each_entry(image, unwinder->remove_entry);
    if (unwinder->kind == OJI_UNWINDER_TREE)
        unwinder->remove(image->table);
    oji_release(oji_unwind_heap(), image, image->size);
}
