/* Levels of control, 2: budgets and hints for the library's own memory.
 *
 * A provider of our own, told how much it may map and how much address space it takes at a time. A link that would
 * exceed the budget fails with OJ_E_BUDGET and changes nothing; once something is given back it succeeds. The provider
 * knows nothing of compilers: it outlives this one.
 *
 * Build:  cc control_budget.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* A function with a table of 16 KiB. */
static const char ir[] = "@table = global [4096 x i32] zeroinitializer\n"
                         "define i32 @remember(i64 %i, i32 %x) {\n"
                         "  %where = getelementptr [4096 x i32], [4096 x i32]* @table, i64 0, i64 %i\n"
                         "  %before = load i32, i32* %where\n"
                         "  store i32 %x, i32* %where\n"
                         "  ret i32 %before\n"
                         "}\n";

enum { BUDGET = 256 * 1024, MAX_CODES = 64 };

static bool fail(const char *what, const oj_error *error)
{
    fprintf(stderr, "control_budget: %s%s%s\n", what, error ? ": " : "", error ? error->text : "");
    return false;
}

static oj_object *compile(oj_error *error)
{
    oj_compiler *compiler;
    oj_bytes *bytes;
    oj_object *object = NULL;
    oj_ir source = oj_ir_bytes(ir, sizeof ir - 1);
    if (oj_compiler_create(&compiler, NULL, error) != OJ_OK)
        return NULL;
    if (oj_compile_object(compiler, &source, &bytes, error) == OJ_OK) {
        oj_object_create(&object, oj_bytes_data(bytes), oj_bytes_size(bytes), NULL, error);
        oj_bytes_destroy(bytes);
    }
    oj_compiler_destroy(compiler);
    return object;
}

static bool runs(const oj_code *code)
{
    int (*remember)(int64_t, int) = (int (*)(int64_t, int))(uintptr_t)oj_code_lookup_addr(code, "remember");
    return remember(7, 1) == 0 && remember(7, 2) == 1;
}

static bool show(const oj_memory *memory)
{
    oj_error error;
    oj_memory_stats stats;
    if (oj_memory_get_stats(memory, &stats, sizeof stats, &error) != OJ_OK)
        return fail("no statistics", &error);
    printf("   %llu placements: %llu KiB mapped, %llu used, %llu free; %llu MiB of address space in %u mappings\n",
           (unsigned long long)stats.n_placements, (unsigned long long)stats.mapped >> 10,
           (unsigned long long)stats.used >> 10, (unsigned long long)stats.free >> 10,
           (unsigned long long)stats.reserved >> 20, stats.n_mappings);
    return stats.mapped <= BUDGET || fail("the budget is exceeded", NULL);
}

/* Link until the budget is used up: the number of codes there is room for, or 0 where something else went wrong. */
static size_t fill(const oj_object *object, const oj_link_options *options, oj_code **codes)
{
    oj_error error;
    for (size_t n = 0; n < MAX_CODES; n++) {
        oj_status status = oj_link(&object, 1, options, &codes[n], &error);
        if (status == OJ_E_BUDGET) {
            printf("   %s\n", error.text);
            return n;
        }
        if (status != OJ_OK || !runs(codes[n])) {
            fail("cannot link", &error);
            return 0;
        }
    }
    return 0;
}

static bool use(const oj_object *object, const oj_memory *memory)
{
    oj_error error;
    oj_code *codes[MAX_CODES] = {NULL};
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    size_t n = fill(object, &options, codes);
    bool is_right = n > 1 && show(memory);
    /* What is given back can be used again. */
    oj_code_destroy(codes[0]);
    codes[0] = NULL;
    if (is_right && oj_link(&object, 1, &options, &codes[0], &error) != OJ_OK)
        is_right = fail("no room after something was given back", &error);
    for (size_t i = 0; i < MAX_CODES; i++)
        oj_code_destroy(codes[i]);
    return is_right && show(memory);
}

int main(void)
{
    oj_error error;
    oj_memory *memory;
    oj_memory_options options;
    oj_memory_options_init(&options);
    options.budget = BUDGET;
    options.slab_size = (uint64_t)4 << 20;
    if (oj_memory_create(&memory, &options, &error) != OJ_OK) {
        fail("no memory provider", &error);
        return EXIT_FAILURE;
    }
    oj_object *object = compile(&error);
    bool is_right = object ? use(object, memory) : fail("cannot compile", &error);
    oj_object_destroy(object);
    /* Refused, as misuse, while code that was placed with it exists. */
    if (oj_memory_destroy(memory, &error) != OJ_OK)
        is_right = fail("cannot end the provider", &error);
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
