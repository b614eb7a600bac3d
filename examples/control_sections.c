/* Levels of control, 4: sections placed singly.
 *
 * Some clients have an allocator that hands out one section at a time, as the callbacks of LLVM's MCJIT ask for them,
 * wherever there happens to be room. OJ_LINK_SECTIONS_SINGLY asks for each section as a segment of its own, with its
 * name; each brings along the GOT entries and stubs that it uses, so that they lie beside the code that uses them. Here
 * every section lies 8 GiB from the next.
 *
 * What that needs of the code: whatever refers to another section must do so by call, through the GOT or by 64 bits.
 * Functions and variables of default visibility do, in position-independent code of the small model; unwind tables do
 * not, and are left out. A reference that cannot reach is OJ_E_RANGE and named.
 *
 * Build:  cc control_sections.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char ir[] = "@weights = global [3 x i32] [i32 1, i32 10, i32 100]\n"
                         "declare i32 @abs(i32)\n"
                         "define i32 @weigh(i64 %i, i32 %x) section \".text.weigh\" {\n"
                         "  %where = getelementptr [3 x i32], [3 x i32]* @weights, i64 0, i64 %i\n"
                         "  %weight = load i32, i32* %where\n"
                         "  %positive = call i32 @abs(i32 %x)\n"
                         "  %product = mul i32 %positive, %weight\n"
                         "  ret i32 %product\n"
                         "}\n"
                         "define i32 @total(i32 %x) section \".text.total\" {\n"
                         "  %a = call i32 @weigh(i64 0, i32 %x)\n"
                         "  %b = call i32 @weigh(i64 1, i32 %x)\n"
                         "  %c = call i32 @weigh(i64 2, i32 %x)\n"
                         "  %ab = add i32 %a, %b\n"
                         "  %abc = add i32 %ab, %c\n"
                         "  ret i32 %abc\n"
                         "}\n";

/* --- the allocator that was there before -------------------------------------------------------------------------- */

#define DISTANCE (UINT64_C(8) << 30)

struct heap {
    uint64_t next; /* where the next section is tried */
    size_t n_sections;
};

static void *allocate(struct heap *heap, size_t size, const char *name)
{
    void *wanted = (void *)(uintptr_t)heap->next;
    void *got = mmap(wanted, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == MAP_FAILED)
        return NULL;
    printf("   %-12s %4zu bytes at %p\n", name, size, got);
    heap->next += DISTANCE;
    heap->n_sections++;
    return got;
}

static void *allocate_code_section(struct heap *heap, size_t size, size_t alignment, const char *name)
{
    return alignment <= (size_t)sysconf(_SC_PAGESIZE) ? allocate(heap, size, name) : NULL;
}

static void *allocate_data_section(struct heap *heap, size_t size, size_t alignment, const char *name)
{
    return alignment <= (size_t)sysconf(_SC_PAGESIZE) ? allocate(heap, size, name) : NULL;
}

static void free_section(struct heap *heap, uint64_t addr, size_t size)
{
    munmap((void *)(uintptr_t)addr, size);
    heap->n_sections--;
}

/* --- the table on top of it --------------------------------------------------------------------------------------- */

static oj_status place(void *context, oj_placement *placement, oj_error *error)
{
    struct heap *heap = context;
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        size_t size = (size_t)segment->size, alignment = (size_t)segment->alignment;
        segment->write = segment->kind == OJ_SEGMENT_CODE
                             ? allocate_code_section(heap, size, alignment, segment->section)
                             : allocate_data_section(heap, size, alignment, segment->section);
        segment->run_addr = (uint64_t)(uintptr_t)segment->write;
        if (segment->write)
            continue;
        /* A place() that fails undoes its own work: release() is not called for it. */
        snprintf(error->text, sizeof error->text, "no memory for %s of %s", segment->section, segment->object);
        while (i-- > 0)
            free_section(heap, placement->segments[i].run_addr, (size_t)placement->segments[i].size);
        return OJ_E_NOMEM;
    }
    return OJ_OK;
}

static void release(void *context, const oj_placement *placement)
{
    for (size_t i = 0; i < placement->n_segments; i++)
        free_section(context, placement->segments[i].run_addr, (size_t)placement->segments[i].size);
}

static oj_code *compile(const oj_memory *memory, oj_link_stats *stats, oj_error *error)
{
    oj_compiler *compiler;
    oj_code *code;
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    options.flags = OJ_LINK_SECTIONS_SINGLY | OJ_LINK_NO_UNWIND;
    options.stats = stats;
    options.stats_size = sizeof *stats;
    if (oj_compiler_create(&compiler, NULL, error) != OJ_OK)
        return NULL;
    oj_compile_bitcode(compiler, ir, sizeof ir - 1, &options, &code, error);
    oj_compiler_destroy(compiler);
    return code;
}

int main(void)
{
    oj_error error;
    oj_link_stats stats;
    oj_memory memory;
    struct heap heap = {.next = UINT64_C(0x180000000000)};
    oj_memory_init(&memory);
    memory.context = &heap;
    memory.place = place;
    memory.release = release;
    oj_code *code = compile(&memory, &stats, &error);
    if (!code) {
        fprintf(stderr, "control_sections: %s\n", error.text);
        return EXIT_FAILURE;
    }
    uint64_t total_addr = oj_code_lookup_addr(code, "total"), weigh_addr = oj_code_lookup_addr(code, "weigh");
    int (*total)(int) = (int (*)(int))(uintptr_t)total_addr;
    uint64_t distance = total_addr > weigh_addr ? total_addr - weigh_addr : weigh_addr - total_addr;
    int result = total(-7);
    printf("   total(-7) = %d, over %llu GiB, with %llu stubs and %llu GOT entries\n", result,
           (unsigned long long)(distance >> 30), (unsigned long long)stats.n_stubs,
           (unsigned long long)stats.n_got_entries);
    oj_code_destroy(code);
    bool is_right = result == 777 && distance >= DISTANCE - 4096 && heap.n_sections == 0;
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
