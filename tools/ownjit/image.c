/* A linked image: its segments, and thread-local variables in the way that the architecture's ABI has those of a
 * program that is linked statically. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

/* Where a thread's block is, seen from the thread pointer. Before it: it ends there. After it: it begins behind a
 * header of the ABI's.
 * Source: psABIs of x86-64, i386 and s390x (variant II of "ELF Handling For Thread-Local Storage", 3.4); those of
 * AArch64 (two words of 8 bytes), ARM (two of 4) and RISC-V (none), variant I. */
static uint64_t block_distance(const char *architecture, const oj_tls_module *module)
{
    uint64_t mask = module->alignment - 1, header = 0;
    if (strcmp(architecture, "aarch64") == 0)
        header = 16;
    else if (strcmp(architecture, "arm") == 0)
        header = 8;
    else if (strncmp(architecture, "riscv", 5) != 0)
        return 0 - ((module->size + mask) & ~mask);
    return (header + mask) & ~mask;
}

/* There is one module, and its token is 1, as a program's is. */
static oj_status define_tls(void *context, oj_tls_module *module, oj_error *error)
{
    struct image *image = context;
    (void)error;
    module->token = 1;
    module->tp_offset = block_distance(image->architecture, module);
    char *copy = malloc(module->image_size > 0 ? (size_t)module->image_size : 1);
    if (!copy)
        return OJ_E_NOMEM;
    if (module->image_size > 0)
        memcpy(copy, module->image, (size_t)module->image_size);
    image->tls_module = *module;
    image->tls_module.image = copy;
    return OJ_OK;
}

void image_init(struct image *image, const char *architecture)
{
    memset(image, 0, sizeof *image);
    image->architecture = architecture;
    oj_tls_init(&image->tls);
    image->tls.context = image;
    image->tls.define = define_tls;
}

uint64_t image_tls_addr(const struct image *image)
{
    uint64_t end = 0, mask = image->tls_module.alignment - 1;
    for (size_t i = 0; i < image->n_segments; i++)
        if (image->segments[i].run_addr + image->segments[i].size > end)
            end = image->segments[i].run_addr + image->segments[i].size;
    return (end + mask) & ~mask;
}

static int compare_parts(const void *left, const void *right)
{
    const struct output_part *a = left, *b = right;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

bool image_write(const struct image *image, const char *path)
{
    struct output_part parts[MAX_IMAGE_SEGMENTS + 1];
    size_t n_parts = image->n_segments;
    for (size_t i = 0; i < image->n_segments; i++)
        parts[i] = (struct output_part){image->segments[i].run_addr, image->segments[i].write,
                                        (size_t)image->segments[i].size};
    if (image->tls_module.image_size > 0)
        parts[n_parts++] =
            (struct output_part){image_tls_addr(image), image->tls_module.image, (size_t)image->tls_module.image_size};
    qsort(parts, n_parts, sizeof parts[0], compare_parts);
    uint64_t low_addr = n_parts > 0 ? parts[0].offset : 0;
    for (size_t i = 0; i < n_parts; i++)
        parts[i].offset -= low_addr;
    return output_write(path, parts, n_parts);
}

void image_close(struct image *image)
{
    for (size_t i = 0; i < image->n_segments; i++)
        free(image->segments[i].write);
    free((void *)(uintptr_t)image->tls_module.image);
}
