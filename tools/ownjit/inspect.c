/* ownjit inspect: an object's parts, and the layout that linking would make of it. */
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct inspect_options {
    struct command command;
    const char *input;
};

static const struct argp_option inspect_table[] = {OPTION_HELP, {0}};

static const char inspect_doc[] =
    "Show what is in a relocatable object or a static archive."
    "\v"
    "Of an object: its sections, symbols and relocations, the names it needs, and the segments that linking would "
    "make, with every section, the GOT and the stubs in their places. Of an archive: its symbol index. Numbers with 0x "
    "are hexadecimal, sizes are bytes.";

static error_t parse_inspect(int key, char *arg, struct argp_state *state)
{
    struct inspect_options *options = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (options->input)
            fail_usage(&options->command, "one FILE at a time: '%s' is a second one", arg);
        options->input = arg;
        return 0;
    case ARGP_KEY_END:
        if (!options->input)
            fail_usage(&options->command, "no FILE to inspect");
        return 0;
    default:
        return options_common(&options->command, key, state);
    }
}

static const struct argp inspect_argp = {inspect_table, parse_inspect, "FILE", inspect_doc, NULL, NULL, NULL};

/* Names longer than this are cut: they come from files that nobody vouches for. */
#define NAME_SIZE 512

static void print_name(const char *name)
{
    char buffer[NAME_SIZE];
    fputs(printable(buffer, sizeof buffer, name), stdout);
}

/* A newer library may know more kinds than this table. */
static const char *word(const char *const *words, size_t n_words, uint32_t value)
{
    return value < n_words ? words[value] : "?";
}

#define WORD(words, value) word(words, sizeof(words) / sizeof((words)[0]), value)

/* ORDER oj_section_kind, oj_symbol_binding, oj_symbol_visibility, oj_symbol_type, oj_segment_kind */
static const char *const section_kinds[] = {"-", "code", "rodata", "data", "zero", "unwind", "debug", "tls", "tls-bss"};
static const char *const bindings[] = {"local", "global", "weak", "unique"};
static const char *const visibilities[] = {"default", "internal", "hidden", "protected"};
static const char *const types[] = {"-", "data", "function", "section", "file", "?", "tls", "?", "?", "?", "ifunc"};
static const char *const segment_kinds[] = {"?", "code", "read-only data", "data"};

/* Section 0 and symbol 0 are the format's empty ones. */
static void print_sections(const oj_object *object)
{
    oj_section_info section;
    printf("\nSections\n%6s  %-7s %12s %6s %7s  %s\n", "index", "kind", "size", "align", "relocs", "name");
    for (size_t i = 1; i < oj_object_section_count(object); i++) {
        if (oj_object_section(object, i, &section, sizeof section) != OJ_OK)
            continue;
        printf("%6zu  %-7s %12" PRIu64 " %6" PRIu64 " %7" PRIu64 "  ", i, WORD(section_kinds, section.kind),
               section.size, section.alignment, section.n_relocations);
        print_name(section.name);
        puts(section.flags & OJ_SECTION_IS_COMPRESSED ? " (compressed)" : "");
    }
}

static void print_section_name(const oj_object *object, size_t index)
{
    oj_section_info section;
    if (oj_object_section(object, index, &section, sizeof section) == OJ_OK)
        print_name(section.name);
}

/* A section's symbol has no name of its own. */
static void print_symbol_name(const oj_object *object, const oj_symbol_info *symbol)
{
    if (symbol->type == OJ_SYMBOL_SECTION && symbol->name[0] == '\0')
        print_section_name(object, symbol->section);
    else
        print_name(symbol->name);
}

static void print_symbol_place(const oj_object *object, const oj_symbol_info *symbol)
{
    switch (symbol->place) {
    case OJ_SYMBOL_DEFINED:
        print_section_name(object, symbol->section);
        break;
    case OJ_SYMBOL_ABSOLUTE:
        fputs("absolute", stdout);
        break;
    case OJ_SYMBOL_COMMON:
        fputs("common", stdout);
        break;
    default:
        fputs("undefined", stdout);
    }
}

static void print_symbols(const oj_object *object)
{
    oj_symbol_info symbol;
    printf("\nSymbols\n%6s  %12s %10s %-7s %-10s %-9s %s\n", "index", "value", "size", "binding", "visibility", "type",
           "name, place");
    for (size_t i = 1; i < oj_object_symbol_count(object); i++) {
        if (oj_object_symbol(object, i, &symbol, sizeof symbol) != OJ_OK)
            continue;
        printf("%6zu  0x%010" PRIx64 " %10" PRIu64 " %-7s %-10s %-9s ", i, symbol.value, symbol.size,
               WORD(bindings, symbol.binding), WORD(visibilities, symbol.visibility), WORD(types, symbol.type));
        print_symbol_name(object, &symbol);
        fputs(", ", stdout);
        print_symbol_place(object, &symbol);
        putchar('\n');
    }
}

static void print_relocation(const oj_object *object, const oj_relocation_info *relocation)
{
    oj_symbol_info symbol;
    printf("  0x%08" PRIx64 "  %-24s ", relocation->offset, relocation->name);
    if (relocation->symbol != 0 && oj_object_symbol(object, relocation->symbol, &symbol, sizeof symbol) == OJ_OK)
        print_symbol_name(object, &symbol);
    int64_t addend = relocation->addend;
    /* Negated as unsigned: the most negative addend has no positive counterpart. */
    if (addend != 0)
        printf(" %c %#" PRIx64, addend < 0 ? '-' : '+', addend < 0 ? 0 - (uint64_t)addend : (uint64_t)addend);
    putchar('\n');
}

static void print_relocations(const oj_object *object)
{
    oj_section_info section;
    oj_relocation_info relocation;
    for (size_t i = 1; i < oj_object_section_count(object); i++) {
        if (oj_object_section(object, i, &section, sizeof section) != OJ_OK || section.n_relocations == 0)
            continue;
        fputs("\nRelocations of ", stdout);
        print_name(section.name);
        printf(" (section %zu)\n%12s  %-24s %s\n", i, "offset", "type", "symbol and addend");
        for (size_t r = 0; r < section.n_relocations; r++) {
            /* Sections that are not loaded may keep their relocations to themselves. */
            if (oj_object_relocation(object, i, r, &relocation, sizeof relocation) != OJ_OK)
                break;
            print_relocation(object, &relocation);
        }
    }
}

/* The names that the plan asks for, in its order. Answering all of them, with an address that every kind of
 * relocation reaches, shows the layout of an object that could not be linked here. */
struct needs {
    size_t n_names;
};

#define ANSWERED_ADDR UINT64_C(0x10000)

static void print_need(struct needs *needs, const char *name, const char *remark)
{
    if (needs->n_names++ == 0)
        puts("\nNeeds from elsewhere");
    fputs("  ", stdout);
    print_name(name);
    puts(remark);
}

static oj_status answer_all(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    (void)error;
    for (size_t i = 0; i < n_queries; i++) {
        print_need(context, queries[i].name, queries[i].is_weak ? " (weak)" : "");
        queries[i].addr = ANSWERED_ADDR;
        queries[i].found = 1;
    }
    return OJ_OK;
}

/* Nothing is written, so that no distance is looked at. */
static oj_status define_tls(void *context, oj_tls_module *module, oj_error *error)
{
    (void)context;
    (void)error;
    module->token = 1;
    return OJ_OK;
}

static oj_status find_tls(void *context, oj_tls_query *query, oj_error *error)
{
    (void)error;
    print_need(context, query->name, " (thread-local)");
    query->token = 1;
    query->found = 1;
    return OJ_OK;
}

static void print_range(const oj_range_info *range)
{
    printf("    0x%08" PRIx64 " %12" PRIu64 "  ", range->offset, range->size);
    switch (range->kind) {
    case OJ_RANGE_SECTION:
        print_name(range->section);
        break;
    case OJ_RANGE_COMMON:
        fputs("common symbols", stdout);
        break;
    case OJ_RANGE_GOT:
        fputs("GOT", stdout);
        break;
    case OJ_RANGE_STUBS:
        fputs("stubs", stdout);
        break;
    default:
        fputs("?", stdout);
    }
    putchar('\n');
}

/* Ranges come in the order of segments and offsets: one walk serves all segments. */
static void print_plan(const oj_plan *plan)
{
    oj_segment segment;
    oj_range_info range;
    size_t n_ranges = oj_plan_range_count(plan);
    size_t r = 0;
    for (size_t i = 0; i < oj_plan_segment_count(plan); i++) {
        if (oj_plan_segment(plan, i, &segment, sizeof segment) != OJ_OK)
            continue;
        printf("\nSegment %zu of linking: %s, %" PRIu64 " bytes, aligned to %" PRIu64 "%s\n%14s %12s  %s\n", i,
               WORD(segment_kinds, segment.kind), segment.size, segment.alignment,
               segment.lifetime == OJ_SEGMENT_DROPPABLE ? ", only while linking" : "", "offset", "size", "what");
        while (r < n_ranges && oj_plan_range(plan, r, &range, sizeof range) == OJ_OK && range.segment == i) {
            print_range(&range);
            r++;
        }
    }
}

/* The object alone decides: what this process happens to define must not change the picture. */
static bool print_layout(const oj_object *object)
{
    struct needs needs = {0};
    oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_callback(answer_all, &needs)};
    oj_link_options options;
    oj_plan *plan = NULL;
    oj_tls tls;
    oj_error error;
    oj_tls_init(&tls);
    tls.context = &needs;
    tls.get_addr = tls.descriptor = ANSWERED_ADDR;
    tls.define = define_tls;
    tls.find = find_tls;
    oj_link_options_init(&options);
    options.flags = OJ_LINK_OMIT_UNWIND;
    options.tls = &tls;
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    if (oj_plan_create(&plan, &object, 1, &options, &error) != OJ_OK) {
        /* What was shown so far stands above the message. */
        fflush(stdout);
        return fail_library(oj_object_name(object), &error);
    }
    print_plan(plan);
    oj_plan_destroy(plan);
    return true;
}

/* Debug information is read too: its relocations are part of the picture, though linking leaves them out. */
static bool inspect_object(const struct input *input)
{
    oj_object *object = NULL;
    oj_object_options options;
    oj_error error;
    oj_object_options_init(&options);
    options.flags = OJ_OBJECT_BORROW | OJ_OBJECT_WITH_DEBUG;
    options.name = input->name;
    if (oj_object_create(&object, input->data, input->size, &options, &error) != OJ_OK)
        return fail_library(input->name, &error);
    print_name(input->name);
    printf(": relocatable object for %s, %zu bytes\n", oj_object_architecture(object), input->size);
    print_sections(object);
    print_symbols(object);
    print_relocations(object);
    bool is_laid_out = print_layout(object);
    oj_object_destroy(object);
    return is_laid_out;
}

/* What linking the member would add, at least. */
static size_t count_bytes(const oj_object *member)
{
    oj_section_info section;
    size_t n_bytes = 0;
    for (size_t i = 1; i < oj_object_section_count(member); i++)
        if (oj_object_section(member, i, &section, sizeof section) == OJ_OK && section.kind >= OJ_SECTION_CODE &&
            section.kind <= OJ_SECTION_UNWIND)
            n_bytes += (size_t)section.size;
    return n_bytes;
}

struct index_entry {
    const char *name;
    size_t index;
};

static int compare_entries(const void *left, const void *right)
{
    const struct index_entry *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : a->index < b->index ? -1 : a->index > b->index;
}

/* Which names of the index have stood there before? Looking one up gives the member of the first, as linking does.
 * NULL: no memory. */
static bool *find_repeats(const oj_archive *archive, size_t n_names)
{
    bool *is_repeat = calloc(n_names + 1, sizeof *is_repeat);
    struct index_entry *entries = calloc(n_names + 1, sizeof *entries);
    if (is_repeat && entries) {
        for (size_t i = 0; i < n_names; i++)
            entries[i] = (struct index_entry){oj_archive_symbol(archive, i), i};
        qsort(entries, n_names, sizeof *entries, compare_entries);
        for (size_t i = 1; i < n_names; i++)
            is_repeat[entries[i].index] = strcmp(entries[i].name, entries[i - 1].name) == 0;
    } else {
        free(is_repeat);
        is_repeat = NULL;
    }
    free(entries);
    return is_repeat;
}

static void print_index_name(const char *name)
{
    fputs("  ", stdout);
    print_name(name);
    putchar('\n');
}

static void print_repeats(const oj_archive *archive, const bool *is_repeat)
{
    bool has_heading = false;
    for (size_t i = 0; i < oj_archive_symbol_count(archive); i++) {
        if (!is_repeat[i])
            continue;
        if (!has_heading)
            puts("\nDefined again by a later member, where nothing looks for them");
        has_heading = true;
        print_index_name(oj_archive_symbol(archive, i));
    }
}

/* One line for each name of the index, with a heading where the member changes: indexes are in member order. The number
 * of members that cannot be read is returned. */
static size_t print_members(oj_archive *archive, const bool *is_repeat)
{
    const oj_object *previous = NULL;
    size_t n_bad = 0;
    oj_error error, told = {0};
    for (size_t i = 0; i < oj_archive_symbol_count(archive); i++) {
        const oj_object *member = NULL;
        const char *name = oj_archive_symbol(archive, i);
        if (is_repeat[i])
            continue;
        if (oj_archive_lookup(archive, name, &member, &error) != OJ_OK) {
            /* A member fails for each of its names, and is told of once. */
            fflush(stdout);
            if (strcmp(told.text, error.text) != 0)
                fail_library(name, &error);
            told = error;
            n_bad++;
            continue;
        }
        if (member != previous) {
            putchar('\n');
            print_name(oj_object_name(member));
            printf(": %zu bytes to load\n", count_bytes(member));
            previous = member;
        }
        print_index_name(name);
    }
    return n_bad;
}

static bool print_index(oj_archive *archive)
{
    bool *is_repeat = find_repeats(archive, oj_archive_symbol_count(archive));
    if (!is_repeat)
        return fail("out of memory");
    size_t n_bad = print_members(archive, is_repeat);
    print_repeats(archive, is_repeat);
    free(is_repeat);
    return n_bad == 0;
}

/* A bad member is told and does not hide the good ones; the status says that there was one. */
static bool inspect_archive(const struct input *input)
{
    oj_archive *archive = NULL;
    oj_archive_options options;
    oj_error error;
    oj_archive_options_init(&options);
    options.flags = OJ_OBJECT_BORROW;
    options.name = input->name;
    if (oj_archive_create(&archive, input->data, input->size, &options, &error) != OJ_OK)
        return fail_library(input->name, &error);
    print_name(input->name);
    printf(": static archive, %zu names in its index\n", oj_archive_symbol_count(archive));
    bool is_good = print_index(archive);
    oj_archive_destroy(archive);
    return is_good;
}

static bool inspect_input(struct input *input, const char *path)
{
    if (!input_read(input, path))
        return false;
    if (input->kind == INPUT_ARCHIVE)
        return inspect_archive(input);
    if (input->kind == INPUT_OBJECT)
        return inspect_object(input);
    return fail("'%s' is %s, which has no layout yet. Compile it first: ownjit compile %s -o OUT.o", path,
                input_kind_name(input->kind), path);
}

int command_inspect(int argc, char **argv)
{
    struct inspect_options options = {.command = {"inspect", &inspect_argp}};
    struct input input = {0};
    options_parse(&options.command, argc, argv, &options);
    bool is_shown = inspect_input(&input, options.input);
    input_close(&input);
    return is_shown && output_finish() ? 0 : EXIT_OWNJIT;
}
