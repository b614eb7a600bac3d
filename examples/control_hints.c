/* Levels of control, 2: hints about where code should lie.
 *
 * Code that calls back into this program often should lie near it: a call then reaches directly, where it would go
 * through a stub and a GOT entry otherwise. The same module is linked twice here, wherever there is room and near a
 * function of ours, and the statistics of both links are compared. Hints are soft: what cannot be had is done without.
 *
 * Build:  cc control_hints.c $(pkg-config --cflags --libs ownjit) */
#include <ownjit/ownjit.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static const char ir[] = "declare i32 @host_function(i32)\n"
                         "define i32 @work(i32 %x) {\n"
                         "  %once = call i32 @host_function(i32 %x)\n"
                         "  %twice = call i32 @host_function(i32 %once)\n"
                         "  ret i32 %twice\n"
                         "}\n";

/* What the code calls: a part of this program. */
static int host_function(int x) { return 2 * x + 1; }

static bool fail(const char *what, const oj_error *error)
{
    fprintf(stderr, "control_hints: %s%s%s\n", what, error ? ": " : "", error ? error->text : "");
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

static bool link_and_run(const oj_object *object, const oj_memory *memory, oj_link_stats *stats)
{
    const oj_definition table[] = {{"host_function", (uint64_t)(uintptr_t)host_function}};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(table, 1)};
    oj_error error;
    oj_code *code;
    oj_link_options options;
    oj_link_options_init(&options);
    options.memory = memory;
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    options.stats = stats;
    options.stats_size = sizeof *stats;
    if (oj_link(&object, 1, &options, &code, &error) != OJ_OK)
        return fail("cannot link", &error);
    uint64_t addr = oj_code_lookup_addr(code, "work");
    int (*work)(int) = (int (*)(int))(uintptr_t)addr;
    int64_t distance = (int64_t)(addr - table[0].addr);
    printf("   %lld MiB away: %llu of 2 calls are direct, %llu stub in the layout\n", (long long)(distance / (1 << 20)),
           (unsigned long long)stats->n_direct, (unsigned long long)stats->n_stubs);
    bool is_right = work(5) == 23;
    oj_code_destroy(code);
    return is_right || fail("a wrong result", NULL);
}

static bool compare(const oj_object *object, const oj_memory *memory)
{
    oj_link_stats anywhere, near;
    if (!link_and_run(object, oj_memory_default(), &anywhere) || !link_and_run(object, memory, &near))
        return false;
    return (near.n_direct == 2 && near.n_direct >= anywhere.n_direct) || fail("calls are not direct", NULL);
}

int main(void)
{
    oj_error error;
    oj_memory *memory;
    oj_memory_options options;
    oj_memory_options_init(&options);
    options.near_addr = (uint64_t)(uintptr_t)host_function;
    options.flags = OJ_MEMORY_HUGE_PAGES;
    if (oj_memory_create(&memory, &options, &error) != OJ_OK) {
        fail("no memory provider", &error);
        return EXIT_FAILURE;
    }
    oj_object *object = compile(&error);
    bool is_right = object ? compare(object, memory) : fail("cannot compile", &error);
    oj_object_destroy(object);
    if (oj_memory_destroy(memory, &error) != OJ_OK)
        is_right = fail("cannot end the provider", &error);
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
