/* How names become definitions: strong, weak, common, hidden, absolute, undefined, duplicate; several objects. */
#include "link/linktest.h"

static void destroy_all(oj_object **objects, size_t n)
{
    for (size_t i = 0; i < n; i++)
        oj_object_destroy(objects[i]);
}

/* Link, call `function`, clean up. */
static int link_and_call(oj_object **objects, size_t n, const char *function)
{
    oj_link_options options;
    ojt_client client;
    oj_code *code;
    int result;
    ojt_options_init(&options, &client);
    code = ojt_link(objects, n, &options);
    result = ojt_call(code, function);
    oj_code_destroy(code);
    destroy_all(objects, n);
    assert_int_equal(client.n_live, 0);
    return result;
}

static void link_strong_definition_wins_over_weak(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        oj_object *objects[3];
        objects[order] = ojt_object_returning_bound("weak.o", "f", 10, STB_WEAK);
        objects[1 - order] = ojt_object_returning_bound("strong.o", "f", 20, STB_GLOBAL);
        objects[2] = ojt_object_calling("main.o", "g", "f");
        assert_int_equal(link_and_call(objects, 3, "g"), 21);
    }
}

static void link_first_weak_definition_wins(void **state)
{
    oj_object *objects[] = {ojt_object_calling("main.o", "g", "f"),
                            ojt_object_returning_bound("first.o", "f", 10, STB_WEAK),
                            ojt_object_returning_bound("second.o", "f", 20, STB_WEAK)};
    (void)state;
    assert_int_equal(link_and_call(objects, 3, "g"), 11);
}

static void link_strong_duplicate_rejected(void **state)
{
    static const uint32_t flags[] = {0, OJ_LINK_KEEP_NO_SYMBOLS, OJ_LINK_KEEP_LOCAL_SYMBOLS};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(flags); i++) {
        oj_object *objects[] = {ojt_object_returning("a.o", "same", 1), ojt_object_returning("b.o", "same", 2)};
        oj_link_options options;
        ojt_client client;
        oj_code *code = NULL;
        oj_error error = {0};
        ojt_options_init(&options, &client);
        options.flags = flags[i];
        assert_int_equal(oj_link((const oj_object *const *)objects, 2, &options, &code, &error), OJ_E_DUPLICATE);
        assert_int_equal(error.status, OJ_E_DUPLICATE);
        assert_null(code);
        assert_string_equal(error.symbol, "same");
        assert_string_equal(error.object, "b.o");
        assert_non_null(strstr(error.text, "a.o"));
        assert_string_equal(client.log, "");
        destroy_all(objects, 2);
    }
}

static void link_duplicate_in_one_object_rejected(void **state)
{
    uint8_t bytes[OJT_RETURN_SIZE];
    oj_link_options options;
    ojt_client client;
    oj_code *code = NULL;
    oj_error error = {0};
    ojt_elf elf;
    oj_object *object;
    uint16_t text;
    (void)state;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_return_code(bytes, 1), sizeof bytes);
    ojt_elf_add_global(&elf, "same", text, 0, OJT_RETURN_SIZE);
    ojt_elf_add_global(&elf, "same", text, 5, 1);
    object = ojt_object(&elf, "a.o");
    ojt_options_init(&options, &client);
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_DUPLICATE);
    assert_string_equal(error.symbol, "same");
    oj_object_destroy(object);
}

/* An object that defines a common symbol, and a function that returns its address's low half (by a load from .data). */
static oj_object *common_object(const char *name, uint64_t size, uint64_t alignment)
{
    ojt_elf elf;
    ojt_elf_init(&elf);
    ojt_elf_add_symbol(&elf, "shared", SHN_COMMON, alignment, size, STB_GLOBAL, STT_OBJECT);
    return ojt_object(&elf, name);
}

static void link_common_largest_size_and_alignment_win(void **state)
{
    oj_object *objects[] = {common_object("a.o", 4, 64), common_object("b.o", 100, 4), common_object("c.o", 8, 8)};
    oj_link_options options;
    ojt_client client;
    oj_code *code;
    oj_segment segment;
    (void)state;
    ojt_options_init(&options, &client);
    code = ojt_link(objects, 3, &options);
    assert_int_equal(oj_code_segment_count(code), 1);
    assert_int_equal(oj_code_segment(code, 0, &segment, sizeof segment), OJ_OK);
    assert_int_equal(segment.kind, OJ_SEGMENT_DATA);
    assert_int_equal(segment.size, 100);
    assert_int_equal(segment.alignment, 64);
    assert_int_equal(oj_code_lookup_addr(code, "shared"), segment.run_addr);
    for (int i = 0; i < 100; i++)
        assert_int_equal(((uint8_t *)segment.write)[i], 0);
    oj_code_destroy(code);
    destroy_all(objects, 3);
}

static oj_object *data_object(const char *name, unsigned binding, const uint32_t *value)
{
    ojt_elf elf;
    ojt_elf_init(&elf);
    ojt_elf_add_symbol(&elf, "shared", ojt_elf_add_data(&elf, value, 4), 0, 4, binding, STT_OBJECT);
    return ojt_object(&elf, name);
}

/* What `shared` is where one object has it as common and another defines it, in whichever order: the same in both. */
static uint32_t common_beside(unsigned binding)
{
    static const uint32_t value = 7;
    uint32_t results[2];
    for (int order = 0; order < 2; order++) {
        oj_object *objects[3];
        objects[order] = common_object("common.o", 4, 4);
        objects[1 - order] = data_object("data.o", binding, &value);
        objects[2] = ojt_object_loading("main.o", "g", "shared");
        results[order] = (uint32_t)link_and_call(objects, 3, "g");
    }
    assert_int_equal(results[0], results[1]);
    return results[0];
}

static void link_strong_definition_wins_over_common(void **state)
{
    (void)state;
    assert_int_equal(common_beside(STB_GLOBAL), 7);
}

static void link_common_wins_over_weak(void **state)
{
    (void)state;
    assert_int_equal(common_beside(STB_WEAK), 0);
}

/* A reference knows none, and one common symbol of several is as large as the largest. */
static void link_sizes_are_the_definitions(void **state)
{
    static const uint8_t nothing[24];
    static const uint32_t value = 7;
    oj_object *objects[3] = {NULL, data_object("data.o", STB_GLOBAL, &value), common_object("large.o", 40, 8)};
    oj_link_options options;
    oj_segment segment;
    ojt_client client;
    oj_code *code;
    ojt_elf elf;
    uint16_t data;
    (void)state;
    ojt_only_on(EM_X86_64, "has relocations of x86-64");
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, nothing, sizeof nothing);
    ojt_elf_add_reloc(&elf, data, 0, R_X86_64_SIZE64, ojt_elf_add_undefined(&elf, "shared"), 0);
    ojt_elf_add_reloc(&elf, data, 8, R_X86_64_SIZE32, 1, 1);
    objects[0] = ojt_object(&elf, "asks.o");
    ojt_options_init(&options, &client);
    for (size_t n = 1; n <= 2; n++) {
        oj_object *pair[] = {objects[0], objects[n]};
        code = ojt_link(pair, 2, &options);
        assert_int_equal(oj_code_segment(code, 0, &segment, sizeof segment), OJ_OK);
        assert_int_equal(oji_load64(segment.write), n == 1 ? 4 : 40);
        assert_int_equal(oji_load32((uint8_t *)segment.write + 8), n == 1 ? 5 : 41);
        oj_code_destroy(code);
    }
    destroy_all(objects, 3);
}

static void link_hidden_definition_binds_and_is_not_kept(void **state)
{
    oj_link_options options;
    ojt_client client;
    (void)state;
    for (int keep_local = 0; keep_local < 2; keep_local++) {
        uint8_t bytes[OJT_RETURN_SIZE];
        oj_object *objects[2];
        oj_code *code;
        ojt_elf elf;
        ojt_elf_init(&elf);
        ojt_elf_add_global(&elf, "inner", ojt_elf_add_code(&elf, ojt_return_code(bytes, 5), OJT_RETURN_SIZE), 0,
                           OJT_RETURN_SIZE);
        elf.symbols[1].st_other = STV_HIDDEN;
        objects[0] = ojt_object(&elf, "hidden.o");
        objects[1] = ojt_object_calling("main.o", "outer", "inner");
        ojt_options_init(&options, &client);
        options.flags = keep_local ? OJ_LINK_KEEP_LOCAL_SYMBOLS : 0;
        code = ojt_link(objects, 2, &options);
        assert_int_equal(ojt_call(code, "outer"), 6);
        assert_int_equal(oj_code_lookup(code, "inner") != NULL, keep_local);
        oj_code_destroy(code);
        destroy_all(objects, 2);
    }
}

static void link_local_symbols_of_one_name_stay_apart(void **state)
{
    oj_object *objects[2];
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t bytes[OJT_RETURN_SIZE + sizeof ojt_calling_code];
        uint16_t text;
        uint32_t local;
        ojt_elf elf;
        ojt_elf_init(&elf);
        ojt_return_code(bytes, 30 + i);
        memcpy(bytes + OJT_RETURN_SIZE, ojt_calling_code, sizeof ojt_calling_code);
        text = ojt_elf_add_code(&elf, bytes, sizeof bytes);
        local = ojt_elf_add_symbol(&elf, "inner", text, 0, OJT_RETURN_SIZE, STB_LOCAL, STT_FUNC);
        ojt_elf_add_global(&elf, i ? "second" : "first", text, OJT_RETURN_SIZE, sizeof ojt_calling_code);
        ojt_elf_add_call(&elf, text, OJT_RETURN_SIZE, local);
        objects[i] = ojt_object(&elf, i ? "b.o" : "a.o");
    }
    oj_link_options options;
    ojt_client client;
    ojt_options_init(&options, &client);
    oj_code *code = ojt_link(objects, 2, &options);
    assert_int_equal(ojt_call(code, "first"), 31);
    assert_int_equal(ojt_call(code, "second"), 32);
    assert_null(oj_code_lookup(code, "inner"));
    oj_code_destroy(code);
    destroy_all(objects, 2);
}

static void link_references_run_in_both_directions(void **state)
{
    static const uint32_t value = 40;
    oj_object *objects[3];
    uint8_t code[sizeof ojt_calling_code + sizeof ojt_loading_code];
    uint16_t text;
    uint32_t inner;
    ojt_elf elf;
    (void)state;
    /* a: outer calls middle of b; b: middle calls inner of a; a: inner loads a variable of c */
    ojt_elf_init(&elf);
    memcpy(code, ojt_calling_code, sizeof ojt_calling_code);
    memcpy(code + sizeof ojt_calling_code, ojt_loading_code, sizeof ojt_loading_code);
    text = ojt_elf_add_code(&elf, code, sizeof code);
    ojt_elf_add_global(&elf, "outer", text, 0, sizeof ojt_calling_code);
    inner = ojt_elf_add_global(&elf, "inner", text, sizeof ojt_calling_code, sizeof ojt_loading_code);
    ojt_elf_add_call(&elf, text, 0, ojt_elf_add_undefined(&elf, "middle"));
    ojt_elf_add_load(&elf, text, sizeof ojt_calling_code, inner, ojt_elf_add_undefined(&elf, "shared"));
    objects[0] = ojt_object(&elf, "a.o");
    objects[1] = ojt_object_calling("b.o", "middle", "inner");
    objects[2] = data_object("c.o", STB_GLOBAL, &value);
    assert_int_equal(link_and_call(objects, 3, "outer"), 42);
}

static void link_absolute_symbol_is_kept_as_its_value(void **state)
{
    uint8_t bytes[OJT_RETURN_SIZE];
    oj_object *object;
    oj_link_options options;
    ojt_client client;
    ojt_elf elf;
    oj_code *code;
    (void)state;
    ojt_elf_init(&elf);
    ojt_elf_add_code(&elf, ojt_return_code(bytes, 1), OJT_RETURN_SIZE);
    ojt_elf_add_symbol(&elf, "fixed", SHN_ABS, 0x123456789abc, 0, STB_GLOBAL, STT_NOTYPE);
    object = ojt_object(&elf, "a.o");
    ojt_options_init(&options, &client);
    code = ojt_link(&object, 1, &options);
    assert_int_equal(oj_code_lookup_addr(code, "fixed"), (uintptr_t)UINT64_C(0x123456789abc));
    oj_code_destroy(code);
    oj_object_destroy(object);
}

static void link_weak_undefined_is_address_zero(void **state)
{
    uint8_t data[8];
    oj_object *object;
    oj_link_options options;
    ojt_client client;
    ojt_elf elf;
    uint16_t section;
    oj_code *code;
    uintptr_t value;
    (void)state;
    memset(data, 0xff, sizeof data);
    ojt_elf_init(&elf);
    section = ojt_elf_add_data(&elf, data, sizeof data);
    ojt_elf_add_global(&elf, "pointer", section, 0, 8);
    ojt_elf_add_addr(&elf, section, 0,
                     ojt_elf_add_symbol(&elf, "ojt_nobody_defines_this", SHN_UNDEF, 0, 0, STB_WEAK, STT_NOTYPE), 0);
    object = ojt_object(&elf, "a.o");
    ojt_options_init(&options, &client);
    code = ojt_link(&object, 1, &options);
    memcpy(&value, oj_code_lookup(code, "pointer"), sizeof value);
    assert_int_equal(value, 0);
    oj_code_destroy(code);
    oj_object_destroy(object);
}

/* --- undefined ---------------------------------------------------------------------------------------------------- */

typedef struct heard {
    char names[512][64];
    char objects[512][64];
    char sections[512][64];
    uint64_t offsets[512];
    uint64_t n_references[512];
    size_t n;
} heard;

static void hear(void *context, const oj_undefined *undefined)
{
    heard *all = context;
    assert_true(all->n < 512);
    snprintf(all->names[all->n], 64, "%s", undefined->name);
    snprintf(all->objects[all->n], 64, "%s", undefined->object);
    snprintf(all->sections[all->n], 64, "%s", undefined->section);
    all->offsets[all->n] = undefined->offset;
    all->n_references[all->n++] = undefined->n_references;
}

static oj_object *undefined_object(const char *object_name, const char *first, const char *second)
{
    static const uint8_t zeroes[32];
    ojt_elf elf;
    uint16_t text, data;
    uint32_t a, b;
    ojt_elf_init(&elf);
    elf.machine = EM_X86_64;
    text = ojt_elf_add_code(&elf, zeroes, 16);
    data = ojt_elf_add_data(&elf, zeroes, 32);
    a = ojt_elf_add_undefined(&elf, first);
    b = ojt_elf_add_undefined(&elf, second);
    ojt_elf_add_reloc(&elf, text, 5, R_X86_64_PLT32, a, -4);
    ojt_elf_add_reloc(&elf, text, 11, R_X86_64_PLT32, a, -4);
    ojt_elf_add_reloc(&elf, data, 16, R_X86_64_64, b, 0);
    return ojt_object(&elf, object_name);
}

static void link_undefined_all_listed_at_once(void **state)
{
    static heard all;
    oj_object *objects[] = {undefined_object("a.o", "ojt_one", "ojt_two"),
                            undefined_object("b.o", "ojt_three", "ojt_one")};
    oj_link_options options;
    ojt_client client;
    oj_code *code = NULL;
    oj_error error = {0};
    (void)state;
    memset(&all, 0, sizeof all);
    ojt_options_init(&options, &client);
    options.undefined = hear;
    options.undefined_context = &all;
    assert_int_equal(oj_link((const oj_object *const *)objects, 2, &options, &code, &error), OJ_E_UNDEFINED);
    assert_null(code);
    assert_string_equal(client.log, "");
    assert_int_equal(all.n, 3);
    assert_string_equal(all.names[0], "ojt_one");
    assert_string_equal(all.objects[0], "a.o");
    assert_string_equal(all.sections[0], ".text");
    assert_int_equal(all.offsets[0], 5);
    assert_int_equal(all.n_references[0], 3);
    assert_string_equal(all.names[1], "ojt_two");
    assert_string_equal(all.sections[1], ".data");
    assert_int_equal(all.offsets[1], 16);
    assert_int_equal(all.n_references[1], 1);
    assert_string_equal(all.names[2], "ojt_three");
    assert_string_equal(all.objects[2], "b.o");
    assert_int_equal(all.n_references[2], 2);
    assert_int_equal(error.status, OJ_E_UNDEFINED);
    assert_string_equal(error.symbol, "ojt_one");
    assert_string_equal(error.object, "a.o");
    assert_string_equal(error.section, ".text");
    assert_string_equal(error.relocation, "R_X86_64_PLT32");
    assert_int_equal(error.offset, 5);
    assert_non_null(strstr(error.text, "3 undefined symbols"));
    assert_non_null(strstr(error.text, "'ojt_one' (a.o, .text+0x5)"));
    assert_non_null(strstr(error.text, "'ojt_two' (a.o, .data+0x10)"));
    assert_non_null(strstr(error.text, "'ojt_three' (b.o, .text+0x5)"));
    destroy_all(objects, 2);
}

static void link_undefined_more_than_fit_are_counted(void **state)
{
    static heard all;
    enum { N = 200 };
    oj_object *objects[N];
    oj_link_options options;
    ojt_client client;
    oj_code *code = NULL;
    oj_error error = {0};
    (void)state;
    memset(&all, 0, sizeof all);
    for (int i = 0; i < N; i++) {
        char function[32], callee[32], name[32];
        snprintf(function, sizeof function, "caller_%d", i);
        snprintf(callee, sizeof callee, "ojt_nobody_%d", i);
        snprintf(name, sizeof name, "%d.o", i);
        objects[i] = ojt_object_calling(name, function, callee);
    }
    ojt_options_init(&options, &client);
    options.undefined = hear;
    options.undefined_context = &all;
    assert_int_equal(oj_link((const oj_object *const *)objects, N, &options, &code, &error), OJ_E_UNDEFINED);
    assert_int_equal(all.n, N);
    assert_string_equal(all.names[N - 1], "ojt_nobody_199");
    assert_non_null(strstr(error.text, "200 undefined symbols: 'ojt_nobody_0'"));
    assert_non_null(strstr(error.text, " more"));
    assert_true(strlen(error.text) < sizeof error.text);
    /* the same link without a place for the error */
    assert_int_equal(oj_link((const oj_object *const *)objects, N, &options, &code, NULL), OJ_E_UNDEFINED);
    destroy_all(objects, N);
}

static void link_undefined_reference_is_strong_if_any_is(void **state)
{
    static const uint8_t zeroes[8];
    oj_object *objects[2];
    oj_link_options options;
    ojt_client client;
    oj_code *code = NULL;
    oj_error error = {0};
    ojt_elf elf;
    uint16_t data;
    (void)state;
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, zeroes, 8);
    ojt_elf_add_addr(&elf, data, 0, ojt_elf_add_symbol(&elf, "ojt_mixed", SHN_UNDEF, 0, 0, STB_WEAK, STT_NOTYPE), 0);
    objects[0] = ojt_object(&elf, "weak.o");
    objects[1] = ojt_object_calling("strong.o", "f", "ojt_mixed");
    ojt_options_init(&options, &client);
    assert_int_equal(oj_link((const oj_object *const *)objects, 2, &options, &code, &error), OJ_E_UNDEFINED);
    assert_string_equal(error.symbol, "ojt_mixed");
    destroy_all(objects, 2);
}

static void link_keep_no_symbols_keeps_none(void **state)
{
    oj_object *object = ojt_object_returning("a.o", "f", 9);
    oj_wanted wanted = {.name = "f"};
    oj_link_options options;
    ojt_client client;
    oj_code *code;
    (void)state;
    ojt_options_init(&options, &client);
    options.flags = OJ_LINK_KEEP_NO_SYMBOLS;
    options.wanted = &wanted;
    options.n_wanted = 1;
    code = ojt_link(&object, 1, &options);
    oj_object_destroy(object);
    assert_int_equal(oj_code_symbol_count(code), 0);
    assert_null(oj_code_lookup(code, "f"));
    assert_true(wanted.addr != 0);
    assert_int_equal(ojt_call_at(wanted.addr), 9);
    oj_code_destroy(code);
}

static void link_keep_local_symbols_keeps_functions_and_data(void **state)
{
    static const uint8_t data[4] = {1, 2, 3, 4};
    uint8_t bytes[OJT_RETURN_SIZE];
    oj_object *object;
    oj_link_options options;
    ojt_client client;
    ojt_elf elf;
    uint16_t text;
    (void)state;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_return_code(bytes, 3), OJT_RETURN_SIZE);
    ojt_elf_add_symbol(&elf, "file.c", SHN_ABS, 0, 0, STB_LOCAL, STT_FILE);
    ojt_elf_add_symbol(&elf, "", text, 0, 0, STB_LOCAL, STT_SECTION);
    ojt_elf_add_symbol(&elf, "local_function", text, 0, OJT_RETURN_SIZE, STB_LOCAL, STT_FUNC);
    ojt_elf_add_symbol(&elf, "local_data", ojt_elf_add_data(&elf, data, 4), 0, 4, STB_LOCAL, STT_OBJECT);
    ojt_elf_add_symbol(&elf, "behind_data", ojt_elf_add_data(&elf, data, 4), 4096, 0, STB_LOCAL, STT_NOTYPE);
    ojt_elf_add_global(&elf, "global", text, 5, 1);
    object = ojt_object(&elf, "a.o");
    ojt_options_init(&options, &client);
    for (int keep_local = 0; keep_local < 2; keep_local++) {
        oj_code *code;
        options.flags = keep_local ? OJ_LINK_KEEP_LOCAL_SYMBOLS : 0;
        code = ojt_link(&object, 1, &options);
        assert_int_equal(oj_code_symbol_count(code), keep_local ? 3 : 1);
        assert_non_null(oj_code_lookup(code, "global"));
        assert_int_equal(oj_code_lookup(code, "local_data") != NULL, keep_local);
        if (keep_local)
            assert_int_equal(ojt_call(code, "local_function"), 3);
        oj_code_destroy(code);
    }
    oj_object_destroy(object);
}

/* Names of a linker script: the text says why there are none. */
static void symbols_bounds_of_a_program_are_explained(void **state)
{
    oj_object *object = ojt_object_calling("a.o", "f", "__ehdr_start");
    const oj_resolver resolvers[] = {oj_resolver_objects()};
    oj_link_options options;
    ojt_client client;
    oj_error error;
    oj_code *code;
    (void)state;
    ojt_options_init(&options, &client);
    options.resolvers = resolvers;
    options.n_resolvers = OJI_COUNT(resolvers);
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_UNDEFINED);
    assert_string_equal(error.symbol, "__ehdr_start");
    assert_non_null(strstr(error.text, "a bound of a program"));
    oj_object_destroy(object);
}

/* Of two objects, and where the name is wanted; what defines the plain name comes before the default version. */
static void symbol_versions_defined_for_other_objects(void **state)
{
    oj_object *objects[] = {ojt_object_calling("plain.o", "plain", "f"), ojt_object_calling("asked.o", "asked", "f@V2"),
                            ojt_object_calling("old.o", "old", "f@V1"),  ojt_object_returning("default.o", "f@@V2", 2),
                            ojt_object_returning("first.o", "f@V1", 1),  ojt_object_returning("own.o", "f", 9)};
    oj_wanted wanted = {.name = "f"};
    oj_link_options options;
    oj_error error;
    oj_code *code;
    (void)state;
    oj_link_options_init(&options);
    options.wanted = &wanted;
    options.n_wanted = 1;
    code = ojt_link(objects, 5, &options);
    assert_int_equal(ojt_call(code, "plain"), 3);
    assert_int_equal(ojt_call(code, "asked"), 3);
    assert_int_equal(ojt_call(code, "old"), 2);
    assert_int_equal(ojt_call(code, "f@@V2"), 2);
    assert_int_equal(wanted.addr, oj_code_lookup_addr(code, "f@@V2"));
    assert_int_equal(oj_code_lookup_addr(code, "f"), 0);
    oj_code_destroy(code);
    code = ojt_link(objects, 6, NULL);
    assert_int_equal(ojt_call(code, "plain"), 10);
    assert_int_equal(ojt_call(code, "asked"), 3);
    oj_code_destroy(code);
    /* No version stands in for another, nor does one that is not the default for the plain name. */
    assert_int_equal(oj_link((const oj_object *const *)(objects + 2), 2, NULL, &code, &error), OJ_E_UNDEFINED);
    assert_string_equal(error.symbol, "f@V1");
    oj_object *two[] = {objects[0], objects[4]};
    assert_int_equal(oj_link((const oj_object *const *)two, 2, NULL, &code, &error), OJ_E_UNDEFINED);
    assert_string_equal(error.symbol, "f");
    for (int k = 0; k < 6; k++)
        oj_object_destroy(objects[k]);
}

OJT_MAIN(cmocka_unit_test(link_sizes_are_the_definitions), cmocka_unit_test(symbol_versions_defined_for_other_objects),
         cmocka_unit_test(symbols_bounds_of_a_program_are_explained),
         cmocka_unit_test(link_strong_definition_wins_over_weak), cmocka_unit_test(link_first_weak_definition_wins),
         cmocka_unit_test(link_strong_duplicate_rejected), cmocka_unit_test(link_duplicate_in_one_object_rejected),
         cmocka_unit_test(link_common_largest_size_and_alignment_win),
         cmocka_unit_test(link_strong_definition_wins_over_common), cmocka_unit_test(link_common_wins_over_weak),
         cmocka_unit_test(link_hidden_definition_binds_and_is_not_kept),
         cmocka_unit_test(link_local_symbols_of_one_name_stay_apart),
         cmocka_unit_test(link_references_run_in_both_directions),
         cmocka_unit_test(link_absolute_symbol_is_kept_as_its_value),
         cmocka_unit_test(link_weak_undefined_is_address_zero), cmocka_unit_test(link_undefined_all_listed_at_once),
         cmocka_unit_test(link_undefined_more_than_fit_are_counted),
         cmocka_unit_test(link_undefined_reference_is_strong_if_any_is),
         cmocka_unit_test(link_keep_no_symbols_keeps_none),
         cmocka_unit_test(link_keep_local_symbols_keeps_functions_and_data))
