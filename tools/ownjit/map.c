/* What lies where in a linked image: lines of a word, an address, a size and a name, for programs that load images.
 * Addresses and sizes are hexadecimal; the name, which may hold anything but control characters, is the line's rest. */
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Names longer than this are cut: they come from files that nobody vouches for. */
#define NAME_SIZE 512

static void print_line(FILE *map, const char *word, uint64_t addr, uint64_t size, const char *name)
{
    char buffer[NAME_SIZE];
    fprintf(map, "%-12s 0x%016" PRIx64 " 0x%08" PRIx64 " %s\n", word, addr, size,
            printable(buffer, sizeof buffer, name));
}

static bool starts_with(const char *name, const char *start) { return strncmp(name, start, strlen(start)) == 0; }

/* Arrays of a kind lie in the order in which GNU ld's default script would put them, the order they are run in. */
static const char *section_word(const char *name)
{
    if (starts_with(name, ".preinit_array") || starts_with(name, ".init_array") || starts_with(name, ".ctors"))
        return "constructors";
    if (starts_with(name, ".fini_array") || starts_with(name, ".dtors"))
        return "destructors";
    if (strcmp(name, ".eh_frame") == 0 || starts_with(name, ".ARM.exidx"))
        return "unwind";
    return "section";
}

static void print_range(FILE *map, const struct image *image, const oj_range_info *range)
{
    static const char *const words[] = {"?", "section", "common", "got", "stubs"};
    char name[NAME_SIZE];
    bool is_section = range->kind == OJ_RANGE_SECTION;
    const char *word = is_section                                     ? section_word(range->section)
                       : range->kind < sizeof words / sizeof words[0] ? words[range->kind]
                                                                      : words[0];
    /* As ld's map names an input section. */
    if (is_section)
        snprintf(name, sizeof name, "%s(%s)", range->object, range->section);
    else
        snprintf(name, sizeof name, "%s", range->section[0] != '\0' ? range->section : "-");
    print_line(map, word, image->segments[range->segment].run_addr + range->offset, range->size, name);
}

/* Ranges come in the order of segments. */
static void print_segments(FILE *map, const struct image *image, const oj_plan *plan)
{
    static const char *const kinds[] = {"?", "code", "rodata", "data"};
    oj_range_info range;
    size_t r = 0;
    for (size_t i = 0; i < image->n_segments; i++) {
        const oj_segment *segment = &image->segments[i];
        print_line(map, "segment", segment->run_addr, segment->size, kinds[segment->kind <= 3 ? segment->kind : 0]);
        for (; oj_plan_range(plan, r, &range, sizeof range) == OJ_OK && range.segment == i; r++)
            print_range(map, image, &range);
    }
}

static void print_tls(FILE *map, const struct image *image)
{
    const oj_tls_module *module = &image->tls_module;
    char name[96];
    if (module->size == 0)
        return;
    snprintf(name, sizeof name, "thread-local variables, 0x%" PRIx64 " bytes with zeros, aligned to 0x%" PRIx64,
             module->size, module->alignment);
    print_line(map, "tls", image_tls_addr(image), module->image_size, name);
}

static int compare_symbols(const void *left, const void *right)
{
    const oj_code_symbol_info *a = left, *b = right;
    if (a->is_thread_local != b->is_thread_local)
        return a->is_thread_local < b->is_thread_local ? -1 : 1;
    if (a->run_addr != b->run_addr)
        return a->run_addr < b->run_addr ? -1 : 1;
    return strcmp(a->name, b->name);
}

static bool print_symbols(FILE *map, const oj_code *code)
{
    size_t n_symbols = oj_code_symbol_count(code), n = 0;
    oj_code_symbol_info *symbols = calloc(n_symbols + 1, sizeof *symbols);
    if (!symbols)
        return fail("out of memory");
    while (n < n_symbols && oj_code_symbol(code, n, &symbols[n], sizeof symbols[n]) == OJ_OK)
        n++;
    qsort(symbols, n, sizeof *symbols, compare_symbols);
    for (size_t i = 0; i < n; i++)
        print_line(map, symbols[i].is_thread_local ? "tls-symbol" : "symbol", symbols[i].run_addr, symbols[i].size,
                   symbols[i].name);
    free(symbols);
    return true;
}

bool map_write(const struct image *image, const oj_plan *plan, const oj_code *code, const char *path)
{
    struct output_part part = {0};
    char *text = NULL;
    FILE *map = open_memstream(&text, &part.size);
    if (!map)
        return fail("out of memory");
    fprintf(map, "# %s: what, address, size, name\n", image->architecture);
    print_segments(map, image, plan);
    print_tls(map, image);
    bool is_printed = print_symbols(map, code);
    if (fclose(map) != 0 && is_printed)
        is_printed = fail("out of memory");
    part.bytes = text;
    bool is_written = is_printed && output_write(path, &part, 1);
    free(text);
    return is_written;
}
