/* What a run took, as a table for people and as JSON for programs. Both walk the same list of rows. */
#include "tool.h"

#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not VmHWM or the like: what is held at this moment is asked for. Zero where /proc is not mounted. */
void stats_measure(struct process_size *size)
{
    struct mallinfo2 heap = mallinfo2();
    unsigned long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    size->resident = resident * (uint64_t)sysconf(_SC_PAGESIZE);
    size->heap = heap.uordblks + heap.hblkhd;
}

enum unit { UNIT_TIME, UNIT_BYTES, UNIT_COUNT };

/* One number, with its name in JSON and in the table. A row without a value begins a group. */
struct row {
    const char *key;
    const char *text;
    enum unit unit;
    bool is_group;
    uint64_t value;
};

#define MAX_ROWS 64

struct rows {
    struct row row[MAX_ROWS];
    size_t n;
};

static void add_group(struct rows *rows, const char *key, const char *text)
{
    if (rows->n < MAX_ROWS)
        rows->row[rows->n++] = (struct row){key, text, UNIT_COUNT, true, 0};
}

static void add(struct rows *rows, enum unit unit, const char *key, const char *text, uint64_t value)
{
    if (rows->n < MAX_ROWS)
        rows->row[rows->n++] = (struct row){key, text, unit, false, value};
}

/* Phases in the order in which they come; those of several modules are summed. */
static void add_times(struct rows *rows, const struct run_stats *stats)
{
    const struct codegen *c = &stats->codegen;
    const oj_link_stats *l = &stats->link;
    add_group(rows, "time_ns", "time");
    add(rows, UNIT_TIME, "read_files", "read files", stats->read_ns);
    add(rows, UNIT_TIME, "load_llvm", "load LLVM", c->llvm_ns);
    add(rows, UNIT_TIME, "clang", "clang, for C source", c->clang_ns);
    add(rows, UNIT_TIME, "create_compiler", "create the compiler", c->create_ns);
    add(rows, UNIT_TIME, "parse_ir", "parse IR", c->parse_ns);
    add(rows, UNIT_TIME, "passes", "verify, run passes", c->passes_ns);
    add(rows, UNIT_TIME, "codegen", "generate code", c->codegen_ns);
    add(rows, UNIT_TIME, "read_objects", "read objects", stats->objects_ns);
    add(rows, UNIT_TIME, "resolve", "link: resolve names", l->resolve_ns);
    add(rows, UNIT_TIME, "layout", "link: lay out", l->layout_ns);
    add(rows, UNIT_TIME, "place", "link: get memory", l->place_ns);
    add(rows, UNIT_TIME, "relocate", "link: copy, relocate", l->relocate_ns);
    add(rows, UNIT_TIME, "publish", "link: publish", l->publish_ns);
    add(rows, UNIT_TIME, "until_start", "all, until the program starts", stats->ready_ns - stats->start_ns);
}

static void add_bytes(struct rows *rows, const struct run_stats *stats)
{
    const oj_link_stats *l = &stats->link;
    add_group(rows, "bytes", "bytes of the program");
    add(rows, UNIT_BYTES, "objects", "object files", stats->object_bytes);
    add(rows, UNIT_BYTES, "code", "code, with stubs", l->code_size);
    add(rows, UNIT_BYTES, "rodata", "read-only data, with GOT", l->rodata_size);
    /* The library counts what starts as zero within the data as well. */
    add(rows, UNIT_BYTES, "data", "data with values", l->data_size - l->zero_size);
    add(rows, UNIT_BYTES, "zero", "data that starts as zero", l->zero_size);
    add(rows, UNIT_BYTES, "handle", "symbols and names kept", stats->code_heap);
}

static void add_counts(struct rows *rows, const struct run_stats *stats)
{
    const oj_link_stats *l = &stats->link;
    add_group(rows, "counts", "counts");
    add(rows, UNIT_COUNT, "modules", "modules given", stats->n_modules);
    add(rows, UNIT_COUNT, "objects", "objects linked, with archive members", l->n_objects);
    add(rows, UNIT_COUNT, "sections", "sections", l->n_sections);
    add(rows, UNIT_COUNT, "symbols", "symbols kept", l->n_symbols);
    add(rows, UNIT_COUNT, "relocations", "relocations", l->n_relocations);
    add(rows, UNIT_COUNT, "got_entries", "GOT entries", l->n_got_entries);
    add(rows, UNIT_COUNT, "stubs", "stubs", l->n_stubs);
    add(rows, UNIT_COUNT, "veneers", "of these, veneers", l->n_veneers);
    add(rows, UNIT_COUNT, "relaxed", "GOT uses made direct", l->n_relaxed);
    add(rows, UNIT_COUNT, "direct", "calls made direct", l->n_direct);
}

static void add_memory(struct rows *rows, const struct run_stats *stats)
{
    const oj_memory_stats *m = &stats->memory;
    add_group(rows, "code_memory", "code memory");
    add(rows, UNIT_COUNT, "mappings", "mappings", m->n_mappings);
    add(rows, UNIT_BYTES, "reserved", "address space", m->reserved);
    add(rows, UNIT_BYTES, "mapped", "mapped", m->mapped);
    add(rows, UNIT_BYTES, "used", "used", m->used);
    add(rows, UNIT_BYTES, "lost", "lost to alignment", m->lost);
    add_group(rows, "resident_bytes", "resident memory");
    add(rows, UNIT_BYTES, "at_start", "at the start", stats->at_start.resident);
    add(rows, UNIT_BYTES, "compiled", "when all is compiled", stats->compiled.resident);
    add(rows, UNIT_BYTES, "compiler_gone", "compiler gone, LLVM trimmed", stats->compiler_gone.resident);
    add(rows, UNIT_BYTES, "ready", "when the program starts", stats->ready.resident);
    add_group(rows, "heap_bytes", "heap in use");
    add(rows, UNIT_BYTES, "at_start", "at the start", stats->at_start.heap);
    add(rows, UNIT_BYTES, "compiled", "when all is compiled", stats->compiled.heap);
    add(rows, UNIT_BYTES, "compiler_gone", "compiler gone, objects still there", stats->compiler_gone.heap);
    add(rows, UNIT_BYTES, "ready", "when the program starts", stats->ready.heap);
    /* What LLVM keeps for itself, what the library keeps for the code, and nothing of compiler, IR and objects. */
    uint64_t kept = stats->ready.heap > stats->at_start.heap ? stats->ready.heap - stats->at_start.heap : 0;
    add(rows, UNIT_BYTES, "kept", "kept after the compiler is gone", kept);
}

static void fill_rows(struct rows *rows, const struct run_stats *stats)
{
    rows->n = 0;
    add_times(rows, stats);
    add_bytes(rows, stats);
    add_counts(rows, stats);
    add_memory(rows, stats);
}

/* Groups become objects, their rows numbers in them. Every set takes its value even on failure, so nothing leaks. */
static json_t *make_json(const struct run_stats *stats)
{
    struct rows rows;
    char version[32];
    fill_rows(&rows, stats);
    json_t *root = json_object(), *group = root;
    bool is_complete = root != NULL;
    is_complete &= json_object_set_new(root, "ownjit", json_string(version_text(oj_version(), version))) == 0;
    /* A path need not be UTF-8, which JSON strings are. */
    json_t *program = json_string(stats->program);
    is_complete &= json_object_set_new(root, "program", program ? program : json_null()) == 0;
    const char *llvm = stats->codegen.llvm_text;
    is_complete &= json_object_set_new(root, "llvm", llvm[0] != '\0' ? json_string(llvm) : json_null()) == 0;
    is_complete &= json_object_set_new(root, "memory_mode", json_string(oj_memory_mode_name(stats->memory.mode))) == 0;
    for (size_t i = 0; i < rows.n && is_complete; i++) {
        const struct row *row = &rows.row[i];
        json_t *value = row->is_group ? json_object() : json_integer((json_int_t)row->value);
        is_complete = json_object_set_new(row->is_group ? root : group, row->key, value) == 0;
        group = row->is_group ? value : group;
    }
    if (is_complete)
        return root;
    json_decref(root);
    return NULL;
}

/* Before the program starts, so that it is whole whatever the program does. */
bool stats_write_file(const struct run_stats *stats, const char *path)
{
    json_t *root = make_json(stats);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!text)
        return fail("out of memory while writing the statistics");
    const struct output_part parts[] = {{0, text, strlen(text)}, {strlen(text), "\n", 1}};
    bool is_written = output_write(path, parts, 2);
    free(text);
    return is_written;
}

static void print_value(const struct row *row)
{
    if (row->unit == UNIT_TIME)
        fprintf(stderr, "  %-36s %13.3f ms\n", row->text, (double)row->value / 1e6);
    else
        fprintf(stderr, "  %-36s %13" PRIu64 "%s\n", row->text, row->value, row->unit == UNIT_BYTES ? " bytes" : "");
}

static const struct run_stats *stats_at_exit;

/* In the program's exit: its own handlers have run, its streams are still open. */
static void print_table(void)
{
    const struct run_stats *stats = stats_at_exit;
    struct rows rows;
    uint64_t ran_ns = now_ns() - stats->ready_ns;
    const char *llvm = stats->codegen.llvm_text;
    fill_rows(&rows, stats);
    /* What the program has written stands above the table where both go to one place. */
    fflush(stdout);
    fprintf(stderr, "\nownjit: %s\n  LLVM %s; code memory by %s\n", stats->program, llvm[0] != '\0' ? llvm : "not used",
            oj_memory_mode_name(stats->memory.mode));
    for (size_t i = 0; i < rows.n; i++) {
        if (rows.row[i].is_group)
            fprintf(stderr, "%s\n", rows.row[i].text);
        else
            print_value(&rows.row[i]);
    }
    fprintf(stderr, "the program ran for %.3f ms\n", (double)ran_ns / 1e6);
}

/* Registered before the program can register anything: so it is called after all that the program has registered. */
bool stats_print_at_exit(const struct run_stats *stats)
{
    stats_at_exit = stats;
    return atexit(print_table) == 0 || fail("cannot arrange for the statistics to be printed");
}
