/* What few links meet, and is refused: plans that are used out of their order or for more than they are, thread-local
 * variables of others, names and objects that do not fit together. */
#include "unit/test_tls_support.h"

#include <dlfcn.h>

/* The library's calls come here: the compiler's runtime library is not there. */
static bool hides_runtime;
void *dlopen(const char *file, int mode)
{
    static void *(*next)(const char *, int);
    if (hides_runtime && file && strcmp(file, "libgcc_s.so.1") == 0)
        return NULL;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "dlopen");
    return next(file, mode);
}

static void expect(oj_status status, oj_status expected, const oj_error *error, const char *words)
{
    if (status != expected)
        fail_msg("%s, not %s: %s", oj_status_name(status), oj_status_name(expected), error->text);
    assert_int_equal(error->status, expected);
    if (!strstr(error->text, words))
        fail_msg("'%s' does not say '%s'", error->text, words);
}

static void expect_link(oj_object *const *objects, size_t n, const oj_link_options *options, oj_status expected,
                        const char *words)
{
    oj_error error = {0};
    oj_code *code = (oj_code *)&error;
    expect(oj_link((const oj_object *const *)objects, n, options, &code, &error), expected, &error, words);
    assert_null(code);
    for (size_t i = 0; i < n; i++)
        oj_object_destroy(objects[i]);
}

/* --- plans -------------------------------------------------------------------------------------------------------- */

static void plan_with_constructors_is_none_of_several(void **state)
{
    oj_object *object = ojt_object_returning("a.o", "a", 1);
    oj_link_options options;
    oj_error error;
    oj_plan *plan;
    oj_code *code;
    (void)state;
    oj_link_options_init(&options);
    options.flags = OJ_LINK_RUN_CONSTRUCTORS;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_int_equal(oj_plan_place(plan, &error), OJ_OK);
    expect(oj_plan_prepare(plan, &error), OJ_E_MISUSE, &error, "OJ_LINK_RUN_CONSTRUCTORS");
    assert_int_equal(oj_plan_link(plan, &code, &error), OJ_OK);
    assert_int_equal(ojt_call(code, "a"), 1);
    oj_code_destroy(code);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

static oj_status promise_for_ever(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    (void)context;
    (void)error;
    for (size_t i = 0; i < n_queries; i++)
        queries[i].found = OJ_FOUND_LATER;
    return OJ_OK;
}

static oj_status promise_nonsense(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    int *n_calls = context;
    (void)error;
    for (size_t i = 0; i < n_queries; i++) {
        queries[i].addr = 0x1000;
        queries[i].found = *n_calls == 0 ? OJ_FOUND_LATER : 77;
    }
    ++*n_calls;
    return OJ_OK;
}

/* What means nothing the first time means nothing the second. */
static void link_with_a_promise_kept_by_nonsense(void **state)
{
    oj_object *object = ojt_object_calling("a.o", "a", "b");
    int n_calls = 0;
    const oj_resolver resolver = oj_resolver_callback(promise_nonsense, &n_calls);
    oj_link_options options;
    oj_error error;
    oj_code *code;
    (void)state;
    oj_link_options_init(&options);
    options.resolvers = &resolver;
    options.n_resolvers = 1;
    expect(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_CALLBACK, &error,
           "set found to 77 for 'b'");
    assert_int_equal(n_calls, 2);
    oj_object_destroy(object);
}

/* Where addresses are chosen by hand as everywhere: a plan with a promise that is not kept gives no code. */
static void plan_by_hand_with_a_broken_promise(void **state)
{
    static uint8_t memory[8][4096] __attribute__((aligned(4096)));
    oj_object *object = ojt_object_calling("a.o", "a", "b");
    const oj_resolver resolver = oj_resolver_callback(promise_for_ever, NULL);
    oj_segment segments[8];
    oj_link_options options;
    ojt_heap heap;
    oj_error error;
    oj_plan *plan;
    oj_code *code;
    (void)state;
    ojt_heap_init(&heap);
    oj_link_options_init(&options);
    options.resolvers = &resolver;
    options.n_resolvers = 1;
    options.allocator = &heap.table;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_true(oj_plan_segment_count(plan) <= OJI_COUNT(segments));
    for (size_t i = 0; i < oj_plan_segment_count(plan); i++) {
        assert_int_equal(oj_plan_segment(plan, i, &segments[i], sizeof segments[i]), OJ_OK);
        segments[i].write = memory[i];
        segments[i].run_addr = (uint64_t)(uintptr_t)memory[i];
    }
    expect(oj_plan_write(plan, segments, oj_plan_segment_count(plan), &code, &error), OJ_E_UNDEFINED, &error,
           "promised an address for 'b'");
    assert_null(code);
    assert_string_equal(error.symbol, "b");
    oj_plan_destroy(plan);
    oj_object_destroy(object);
    assert_int_equal(heap.n_live, 0);
}

/* --- what does not fit together ----------------------------------------------------------------------------------- */

static oj_object *make_riscv(uint32_t flags)
{
    oj_object *object = NULL;
    oj_error error = {0};
    ojt_elf elf;
    size_t size;
    uint8_t *bytes;
    ojt_elf_init(&elf);
    elf.machine = EM_RISCV;
    ojt_elf_add_data(&elf, "8 bytes", 8);
    bytes = ojt_elf_finish(&elf, &size);
    oji_store32(bytes + offsetof(Elf64_Ehdr, e_flags), flags);
    if (oj_object_create(&object, bytes, size, NULL, &error) != OJ_OK)
        fail_msg("%s", error.text);
    free(bytes);
    return object;
}

/* Arguments would be passed in registers that the other side does not look at. */
static void objects_of_two_calling_conventions(void **state)
{
    oj_object *objects[] = {make_riscv(EF_RISCV_FLOAT_ABI_DOUBLE), make_riscv(EF_RISCV_FLOAT_ABI_SOFT)};
    oj_object *same[] = {make_riscv(EF_RISCV_FLOAT_ABI_DOUBLE), make_riscv(EF_RISCV_FLOAT_ABI_DOUBLE)};
    oj_plan *plan = NULL;
    oj_error error;
    (void)state;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)same, 2, NULL, &error), OJ_OK);
    oj_plan_destroy(plan);
    for (int i = 0; i < 2; i++)
        oj_object_destroy(same[i]);
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)objects, 2, NULL, &error), OJ_E_ARCHITECTURE);
    assert_null(plan);
    assert_non_null(strstr(error.text, "passes floating-point numbers"));
    for (int i = 0; i < 2; i++)
        oj_object_destroy(objects[i]);
}

/* Elements are found by the first one's size; one that says more, as a newer client's would, has zeroes there. */
static void resolvers_of_two_sizes(void **state)
{
    oj_object *object = ojt_object_calling("a.o", "a", "b");
    oj_resolver resolvers[3] = {oj_resolver_objects(), oj_resolver_process()};
    oj_link_options options;
    (void)state;
    oj_link_options_init(&options);
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    resolvers[1].struct_size += 8;
    expect_link(&object, 1, &options, OJ_E_MISUSE, "oj_link_options.resolvers[1].struct_size is");
}

/* A version of a name that no function could have is looked for nowhere. */
static void version_of_a_name_too_long_is_undefined(void **state)
{
    static char name[1100];
    oj_object *object;
    (void)state;
    memset(name, 'x', sizeof name - 1);
    memcpy(name + sizeof name - 8, "@GLIBC_", 8);
    object = ojt_object_calling("a.o", "a", name);
    expect_link(&object, 1, NULL, OJ_E_UNDEFINED, "xxx");
}

/* Helpers of compilers are then names like any other. First in this process, as the library stays once it is there. */
static void helper_of_the_compiler_without_its_library(void **state)
{
    oj_object *object = ojt_object_calling("a.o", "a", "__no_such_helper");
    (void)state;
    hides_runtime = true;
    expect_link(&object, 1, NULL, OJ_E_UNDEFINED, "__no_such_helper");
    hides_runtime = false;
}

/* Code may refer to its own unwind table, but not where it is left out. */
static void reference_to_a_table_left_out(void **state)
{
    static const uint8_t table[4];
    oj_link_options options;
    oj_object *object;
    ojt_elf elf;
    uint16_t data, frames;
    (void)state;
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, "8 bytes", 8);
    frames = ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, table, sizeof table);
    ojt_elf_add_reloc(&elf, data, 0, OJT_R_ADDR,
                      ojt_elf_add_symbol(&elf, "frames", frames, 0, 4, STB_GLOBAL, STT_OBJECT), 0);
    object = ojt_object(&elf, "a.o");
    oj_link_options_init(&options);
    options.flags = OJ_LINK_NO_UNWIND;
    expect_link(&object, 1, &options, OJ_E_UNSUPPORTED, "refers to 'frames' in section .eh_frame, which is not loaded");
}

/* An unwind table for no code is read by nobody: it is no part of a link of no bytes. */
static void table_without_code_is_no_part_of_a_link(void **state)
{
    static const uint8_t table[4];
    static const uint32_t flags[] = {0, OJ_LINK_DROP_UNREFERENCED, OJ_LINK_UNWIND_BY_CLIENT, OJ_LINK_NO_UNWIND};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(flags); i++) {
        oj_link_options options;
        oj_object *object;
        oj_code *code;
        ojt_elf elf;
        ojt_elf_init(&elf);
        ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, table, sizeof table);
        ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, table, 0);
        object = ojt_object(&elf, "a.o");
        oj_link_options_init(&options);
        options.flags = flags[i];
        code = ojt_link(&object, 1, &options);
        assert_true(oj_code_segment_count(code) <= 1);
        oj_code_destroy(code);
        oj_object_destroy(object);
    }
}

/* --- thread-local variables --------------------------------------------------------------------------------------- */

static void *nowhere(const oj_tls_index *index)
{
    (void)index;
    return NULL;
}

static oj_status define_block(void *context, oj_tls_module *module, oj_error *error)
{
    (void)context;
    (void)error;
    module->token = 42;
    return OJ_OK;
}

static oj_status find_nothing(void *context, oj_tls_query *query, oj_error *error)
{
    (void)context;
    (void)query;
    snprintf(error->text, sizeof error->text, "the list of variables is lost");
    return OJ_E_BUDGET;
}

static oj_tls make_scheme(void)
{
    oj_tls table;
    oj_tls_init(&table);
    table.get_addr = (uint64_t)(uintptr_t)nowhere;
    table.define = define_block;
    return table;
}

static void plan_does_not_know_a_clients_blocks(void **state)
{
    oj_object *object = ojt_tls_object(OJT_DYNAMIC);
    const oj_tls table = make_scheme();
    oj_link_options options;
    oj_error error;
    oj_plan *plan;
    uint64_t addr = 1;
    (void)state;
    oj_link_options_init(&options);
    options.tls = &table;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_int_equal(oj_plan_place(plan, &error), OJ_OK);
    assert_int_equal(oj_plan_prepare(plan, &error), OJ_OK);
    expect(oj_plan_lookup(plan, "value", &addr, &error), OJ_E_UNSUPPORTED, &error, "only its code tells");
    assert_int_equal(addr, 0);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

static void client_that_cannot_find_variables(void **state)
{
    oj_object *object = ojt_tls_user("anything", OJT_DYNAMIC, STB_GLOBAL);
    oj_tls table = make_scheme();
    oj_link_options options;
    (void)state;
    table.find = find_nothing;
    oj_link_options_init(&options);
    options.tls = &table;
    expect_link(&object, 1, &options, OJ_E_BUDGET, "the list of variables is lost");
}

/* Its blocks are found by a token of the other table's, which says nothing to this one. */
static void variable_of_a_code_with_another_scheme(void **state)
{
    oj_object *object = ojt_tls_user("value", OJT_DYNAMIC, STB_GLOBAL);
    oj_code *code = ojt_tls_link(ojt_tls_object(OJT_DYNAMIC), NULL);
    const oj_resolver resolver = oj_resolver_code(code);
    const oj_tls table = make_scheme();
    oj_link_options options;
    (void)state;
    oj_link_options_init(&options);
    options.tls = &table;
    options.resolvers = &resolver;
    options.n_resolvers = 1;
    expect_link(&object, 1, &options, OJ_E_UNSUPPORTED, "linked with another oj_tls");
    oj_code_destroy(code);
}

/* More than a page: the dynamic linker gives no block such an alignment. */
static void variable_of_large_alignment_at_a_constant_distance(void **state)
{
    oj_object *object;
    ojt_elf elf;
    uint16_t tbss;
    (void)state;
    ojt_elf_init(&elf);
    tbss = ojt_elf_add_section(&elf, ".tbss", SHF_ALLOC | SHF_WRITE | SHF_TLS, 8192, NULL, 8);
    ojt_tls_add_function(&elf, "address", ojt_elf_add_symbol(&elf, "v", tbss, 0, 8, STB_GLOBAL, STT_TLS),
                         OJT_LOCAL_EXEC);
    object = ojt_object(&elf, "a.o");
    expect_link(&object, 1, NULL, OJ_E_LIMIT, "aligned to 8192: alignment");
}

/* A variable of a C++ library that code takes for an ordinary one. */
static void variable_of_the_cxx_library_taken_for_plain(void **state)
{
    oj_object *object = ojt_object_loading("a.o", "a", "_ZSt15__once_callable");
    const oj_resolver resolver = oj_resolver_cxx();
    oj_link_options options;
    (void)state;
    oj_link_options_init(&options);
    options.resolvers = &resolver;
    options.n_resolvers = 1;
    expect_link(&object, 1, &options, OJ_E_MALFORMED, "is thread-local in this process and is not in a.o");
}

/* The dynamic linker, which has to give the distance, knows no variable by the name that the resolver has for it. */
static void variable_at_a_distance_that_nobody_gives(void **state)
{
    static const char *const libraries[] = {"libc++abi.so.1", "libstdc++.so.6"};
    bool is_met = false;
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(libraries); i++) {
        void *library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
        void *(*get)(void) = library ? (void *(*)(void))dlsym(library, "__cxa_get_globals") : NULL;
        oj_definition definition = {"renamed", 0};
        oj_resolver resolver = oj_resolver_table(&definition, 1);
        oj_link_options options;
        oj_object *object;
        oj_error error;
        oj_code *code;
        oj_status status;
        if (!get)
            continue;
        definition.addr = (uint64_t)(uintptr_t)get();
        oj_link_options_init(&options);
        options.resolvers = &resolver;
        options.n_resolvers = 1;
        object = ojt_tls_user("renamed", OJT_INITIAL_EXEC, STB_GLOBAL);
        status = oj_link((const oj_object *const *)&object, 1, &options, &code, &error);
        oj_object_destroy(object);
        /* AArch64's libraries have descriptors, and at a constant distance where there is room: the dynamic linker does
         * not say then where this thread's block is. */
        if (OJT_MACHINE == EM_AARCH64 && status == OJ_E_MALFORMED)
            continue;
        if (status != OJ_OK) {
            expect(status, OJ_E_LIMIT, &error, "'renamed' is used at a constant distance");
            assert_string_equal(error.symbol, "renamed");
            is_met = true;
        }
        oj_code_destroy(code);
    }
    if (!is_met)
        skip(); /* each has its block at a constant distance */
}

OJT_MAIN(cmocka_unit_test(helper_of_the_compiler_without_its_library),
         cmocka_unit_test(variable_of_large_alignment_at_a_constant_distance),
         cmocka_unit_test(plan_with_constructors_is_none_of_several),
         cmocka_unit_test(plan_by_hand_with_a_broken_promise), cmocka_unit_test(link_with_a_promise_kept_by_nonsense),
         cmocka_unit_test(objects_of_two_calling_conventions), cmocka_unit_test(resolvers_of_two_sizes),
         cmocka_unit_test(version_of_a_name_too_long_is_undefined), cmocka_unit_test(reference_to_a_table_left_out),
         cmocka_unit_test(table_without_code_is_no_part_of_a_link),
         cmocka_unit_test(plan_does_not_know_a_clients_blocks), cmocka_unit_test(client_that_cannot_find_variables),
         cmocka_unit_test(variable_of_a_code_with_another_scheme),
         cmocka_unit_test(variable_of_the_cxx_library_taken_for_plain),
         cmocka_unit_test(variable_at_a_distance_that_nobody_gives))
