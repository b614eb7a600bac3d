/* Sizes that must not change without a reason: they depend on the object and on this library alone, never on time or
 * on where memory happened to lie. Rows are keyed by the object's hash, so that another compiler's or another source
 * package's object is not taken for a change of ours. */
#include "bench.h"

#include <inttypes.h>
#include <ownjit/ownjit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROWS 512u
#define HEADER "compiler,input,object,quantity,value\n"

typedef struct row {
    char compiler[32], input[32], object[17], quantity[32];
    uint64_t value;
} row;

typedef struct rows {
    row row[MAX_ROWS];
    size_t n;
} rows;

static bool add_row(rows *all, const row *new_row)
{
    if (all->n == MAX_ROWS)
        return bench_fail("more than %u rows of sizes", MAX_ROWS);
    all->row[all->n++] = *new_row;
    return true;
}

/* FNV-1a, 64 bits: only has to tell objects apart that differ by accident. */
static uint64_t hash(bench_bytes bytes)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.size; i++)
        value = (value ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return value;
}

static bool measure(rows *all, const char *compiler, const bench_input *input)
{
    oj_link_options options;
    oj_link_stats stats;
    oj_code *code;
    oj_error error;
    oj_link_options_init(&options);
    options.stats = &stats;
    options.stats_size = sizeof stats;
    if (oj_link_bytes(input->object.data, input->object.size, &options, &code, &error) != OJ_OK)
        return bench_fail("oj_link_bytes of %s: %s", input->name, error.text);
    oj_code_destroy(code);
    const struct {
        const char *name;
        uint64_t value;
    } quantities[] = {
        {"object_size", input->object.size},    {"code_size", stats.code_size}, {"rodata_size", stats.rodata_size},
        {"data_size", stats.data_size},         {"zero_size", stats.zero_size}, {"n_relocations", stats.n_relocations},
        {"n_got_entries", stats.n_got_entries}, {"n_stubs", stats.n_stubs},     {"n_symbols", stats.n_symbols}};
    for (size_t i = 0; i < sizeof quantities / sizeof *quantities; i++) {
        row r = {.value = quantities[i].value};
        snprintf(r.compiler, sizeof r.compiler, "%s", compiler);
        snprintf(r.input, sizeof r.input, "%s", input->name);
        snprintf(r.object, sizeof r.object, "%016" PRIx64, hash(input->object));
        snprintf(r.quantity, sizeof r.quantity, "%s", quantities[i].name);
        if (!add_row(all, &r))
            return false;
    }
    return true;
}

static bool read_rows(rows *all, const char *path)
{
    char line[256];
    FILE *file = fopen(path, "r");
    bool ok = true;
    if (!file)
        return bench_fail("cannot open %s", path);
    while (ok && fgets(line, sizeof line, file)) {
        row r;
        if (strcmp(line, HEADER) == 0)
            continue;
        ok = (sscanf(line, "%31[^,],%31[^,],%16[^,],%31[^,],%" SCNu64, r.compiler, r.input, r.object, r.quantity,
                     &r.value) == 5 &&
              add_row(all, &r)) ||
             bench_fail("%s: not a row: %s", path, line);
    }
    fclose(file);
    return ok;
}

static bool is_same(const row *a, const row *b, bool with_object)
{
    return strcmp(a->compiler, b->compiler) == 0 && strcmp(a->input, b->input) == 0 &&
           strcmp(a->quantity, b->quantity) == 0 && (!with_object || strcmp(a->object, b->object) == 0);
}

static const row *find_row(const rows *all, const row *wanted, bool with_object)
{
    for (size_t i = 0; i < all->n; i++)
        if (is_same(&all->row[i], wanted, with_object))
            return &all->row[i];
    return NULL;
}

/* A change is said loudly and is not a failure: it may be what the commit is for. */
static void compare_rows(const rows *expected, const rows *found)
{
    size_t n_changed = 0, n_new = 0;
    for (size_t i = 0; i < found->n; i++) {
        const row *now = &found->row[i], *before = find_row(expected, now, true);
        if (!before)
            n_new++;
        else if (before->value != now->value && ++n_changed)
            printf("  ****** CHANGED ****** %s of %s (clang %s): recorded %" PRIu64 ", now %" PRIu64 "\n",
                   now->quantity, now->input, now->compiler, before->value, now->value);
    }
    if (n_changed)
        printf("  ****** %zu sizes changed: record them with --record and say why in the commit\n", n_changed);
    else
        printf("  %zu sizes are as recorded\n", found->n - n_new);
    if (n_new)
        printf("  %zu sizes of objects that are not recorded (another compiler or source): not compared\n", n_new);
}

/* Rows of other compilers are kept as they are. */
static bool write_rows(const rows *expected, const rows *found, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return bench_fail("cannot write %s", path);
    fputs(HEADER, file);
    for (int pass = 0; pass < 2; pass++) {
        const rows *all = pass ? found : expected;
        for (size_t i = 0; i < all->n; i++) {
            const row *r = &all->row[i];
            if (pass || !find_row(found, r, false))
                fprintf(file, "%s,%s,%s,%s,%" PRIu64 "\n", r->compiler, r->input, r->object, r->quantity, r->value);
        }
    }
    return fclose(file) == 0 || bench_fail("cannot write %s", path);
}

bool bench_sizes(const bench_inputs *inputs, const char *path, bool record)
{
    const bench_input *all[] = {&inputs->add, &inputs->lua, &inputs->sqlite};
    rows *expected = calloc(1, sizeof *expected), *found = calloc(1, sizeof *found);
    bool ok = expected && found && read_rows(expected, path);
    printf("\nsizes (%s)\n", path);
    for (size_t i = 0; ok && i < sizeof all / sizeof *all; i++)
        ok = measure(found, inputs->compiler, all[i]);
    if (ok && record)
        ok = write_rows(expected, found, path);
    else if (ok)
        compare_rows(expected, found);
    free(expected);
    free(found);
    return ok;
}
