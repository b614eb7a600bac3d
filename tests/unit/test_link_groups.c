/* Shared groups: one copy of each is linked, and what refers to the others finds it. */
#include "link/linktest.h"

#include <link.h>

static const uint32_t group_words[2] = {GRP_COMDAT, 2};

/* An object with a shared group of `function`, which returns `value`: sections 1 (the group) and 2 (its code), symbol 1
 * for section 2, symbol 2 for the function. */
static void start_shared(ojt_elf *elf, const char *function, const uint8_t *code, size_t size)
{
    uint16_t text;
    ojt_elf_init(elf);
    ojt_elf_add_section(elf, ".group", 0, 4, group_words, sizeof group_words);
    elf->sections[0].type = SHT_GROUP;
    text = ojt_elf_add_section(elf, ".text.shared", SHF_ALLOC | SHF_EXECINSTR, 16, code, size);
    ojt_elf_add_symbol(elf, "", text, 0, 0, STB_LOCAL, STT_SECTION);
    ojt_elf_add_symbol(elf, function, text, 0, size, STB_WEAK, STT_FUNC);
}

/* sh_link and sh_info of a group are not the builder's to know. */
static oj_object *finish_shared(ojt_elf *elf, const char *name)
{
    oj_object_options options;
    oj_object *object = NULL;
    oj_error error = {0};
    size_t size;
    uint8_t *bytes = ojt_elf_finish(elf, &size);
    ElfW(Ehdr) *file = (ElfW(Ehdr) *)(void *)bytes;
    ElfW(Shdr) *headers = (ElfW(Shdr) *)(void *)(bytes + file->e_shoff);
    headers[1].sh_link = (uint32_t)elf->n_sections + 1;
    headers[1].sh_info = 2;
    oj_object_options_init(&options);
    options.name = name;
    if (oj_object_create(&object, bytes, size, &options, &error) != OJ_OK)
        fail_msg("%s", error.text);
    free(bytes);
    return object;
}

static oj_object *shared_returning(const char *name, const char *function, uint32_t value)
{
    uint8_t code[OJT_RETURN_SIZE];
    ojt_elf elf;
    start_shared(&elf, function, ojt_return_code(code, value), sizeof code);
    return finish_shared(&elf, name);
}

static void link_first_group_taken(void **state)
{
    oj_object *objects[] = {ojt_object_calling("main.o", "g", "f"), shared_returning("a.o", "f", 10),
                            shared_returning("b.o", "f", 20), shared_returning("c.o", "other", 30)};
    oj_link_stats stats;
    oj_link_options options;
    ojt_client client;
    oj_code *code;
    (void)state;
    ojt_options_init(&options, &client);
    options.stats = &stats;
    options.stats_size = sizeof stats;
    code = ojt_link(objects, OJI_COUNT(objects), &options);
    assert_int_equal(ojt_call(code, "g"), 11);
    assert_int_equal(ojt_call(code, "f"), 10);
    assert_int_equal(ojt_call(code, "other"), 30);
    /* main's, one of f, and other's; the left-out copy has neither room nor a name. */
    assert_int_equal(stats.n_sections, 3);
    assert_int_equal(stats.n_symbols, 3);
    oj_code_destroy(code);
    for (size_t i = 0; i < OJI_COUNT(objects); i++)
        oj_object_destroy(objects[i]);
}

/* More signatures than the first table has room for. */
static void link_many_groups_taken_once(void **state)
{
    enum { N = 100 };
    static char names[N][8];
    oj_object *objects[2 * N];
    oj_link_options options;
    ojt_client client;
    oj_code *code;
    (void)state;
    ojt_options_init(&options, &client);
    for (uint32_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "f%u", i);
        objects[i] = shared_returning("first.o", names[i], i);
        objects[N + i] = shared_returning("second.o", names[i], 1000 + i);
    }
    code = ojt_link(objects, OJI_COUNT(objects), &options);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(ojt_call(code, names[i]), i);
    oj_code_destroy(code);
    for (size_t i = 0; i < OJI_COUNT(objects); i++)
        oj_object_destroy(objects[i]);
}

/* Whatever only a copy that is left out refers to is not needed. */
static void link_left_out_group_needs_nothing(void **state)
{
    oj_object *objects[2];
    oj_link_options options;
    ojt_client client;
    oj_code *code;
    ojt_elf elf;
    (void)state;
    objects[0] = shared_returning("a.o", "f", 10);
    start_shared(&elf, "f", ojt_calling_code, sizeof ojt_calling_code);
    ojt_elf_add_call(&elf, 2, 0, ojt_elf_add_undefined(&elf, "nowhere"));
    objects[1] = finish_shared(&elf, "b.o");
    ojt_options_init(&options, &client);
    code = ojt_link(objects, 2, &options);
    assert_int_equal(ojt_call(code, "f"), 10);
    oj_code_destroy(code);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

/* A second object whose section `name` refers to the local symbol of its own copy, by a field of 8 bytes. */
static oj_object *referring(const char *name, uint64_t flags)
{
    static const uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint8_t code[OJT_RETURN_SIZE];
    ojt_elf elf;
    uint16_t section;
    start_shared(&elf, "f", ojt_return_code(code, 20), sizeof code);
    section = ojt_elf_add_section(&elf, name, flags, 8, bytes, sizeof bytes);
    ojt_elf_add_addr(&elf, section, 0, 1, 0);
    ojt_elf_add_symbol(&elf, "table", section, 0, 0, STB_GLOBAL, STT_OBJECT);
    return finish_shared(&elf, "b.o");
}

static void link_reference_to_left_out_code_rejected(void **state)
{
    oj_object *objects[] = {shared_returning("a.o", "f", 10), referring(".data", SHF_ALLOC | SHF_WRITE)};
    oj_link_options options;
    ojt_client client;
    oj_error error;
    oj_code *code;
    (void)state;
    ojt_options_init(&options, &client);
    assert_int_equal(oj_link((const oj_object *const *)objects, 2, &options, &code, &error), OJ_E_MALFORMED);
    assert_string_equal(error.object, "b.o");
    assert_string_equal(error.section, ".data");
    assert_string_equal(error.symbol, ".text.shared");
    assert_string_equal(error.relocation, OJT_ADDR_NAME);
    assert_int_equal(error.offset, 0);
    assert_int_equal(client.n_live, 0);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

/* Tables about code: what they say of a copy that is left out reads as zero, all else stays. */
static void link_tables_lose_left_out_code(void **state)
{
    static const char *const names[] = {".eh_frame", ".gcc_except_table", ".gcc_except_table.f",
                                        "__patchable_function_entries"};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(names); i++) {
        oj_object *objects[] = {shared_returning("a.o", "f", 10), referring(names[i], SHF_ALLOC)};
        static const uint8_t expected[16] = {0, 0, 0, 0, 0, 0, 0, 0, 9};
        const uint8_t *table;
        oj_link_options options;
        ojt_client client;
        oj_code *code;
        ojt_options_init(&options, &client);
        options.flags = OJ_LINK_KEEP_UNWIND;
        code = ojt_link(objects, 2, &options);
        table = oj_code_lookup(code, "table");
        assert_memory_equal(table, expected, sizeof(void *));
        assert_int_equal(table[8], expected[8]);
        assert_int_equal(ojt_call(code, "f"), 10);
        oj_code_destroy(code);
        oj_object_destroy(objects[0]);
        oj_object_destroy(objects[1]);
    }
}

/* What an older code shares is taken from there, though the new objects come first; what is strong is not. */
static void link_shared_taken_from_older_code(void **state)
{
    static const struct {
        unsigned binding;
        int expected;
    } rows[] = {{STB_WEAK, 11}, {STB_GLOBAL, 21}, {STB_GNU_UNIQUE, 11}};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        oj_object *older = ojt_object_returning_bound("older.o", "f", 10, rows[i].binding);
        oj_object *newer[] = {ojt_object_returning_bound("newer.o", "f", 20, rows[i].binding),
                              ojt_object_calling("main.o", "g", "f")};
        oj_resolver resolvers[2];
        oj_link_options options;
        ojt_client client;
        oj_code *first, *second;
        ojt_options_init(&options, &client);
        first = ojt_link(&older, 1, &options);
        resolvers[0] = oj_resolver_objects();
        resolvers[1] = oj_resolver_code(first);
        options.resolvers = resolvers;
        options.n_resolvers = 2;
        second = ojt_link(newer, 2, &options);
        assert_int_equal(ojt_call(second, "g"), rows[i].expected);
        oj_code_destroy(second);
        oj_code_destroy(first);
        oj_object_destroy(older);
        oj_object_destroy(newer[0]);
        oj_object_destroy(newer[1]);
    }
}

/* Modules of a session: what is there already is everybody's, whether it was linked before or comes in the same step,
 * and a group that everybody brings along is no second definition though its symbol is strong. */
static void session_first_group_of_all_modules_taken(void **state)
{
    uint8_t code[2][OJT_RETURN_SIZE];
    oj_object *objects[4] = {NULL, NULL, ojt_object_calling("main.o", "g", "f"),
                             ojt_object_calling("late.o", "h", "f")};
    (void)state;
    for (int i = 0; i < 2; i++) {
        ojt_elf elf;
        start_shared(&elf, "f", ojt_return_code(code[i], i == 0 ? 10 : 20), OJT_RETURN_SIZE);
        elf.symbols[2].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
        objects[i] = finish_shared(&elf, i == 0 ? "a.o" : "b.o");
    }
    for (int linked = 0; linked < 2; linked++) {
        oj_session *session;
        oj_module *modules[4];
        oj_error error;
        uint64_t first, own;
        assert_int_equal(oj_session_create(&session, NULL, &error), OJ_OK);
        for (int i = 0; i < 4; i++) {
            if (oj_session_add_object(session, objects[i], NULL, &modules[i], &error) != OJ_OK)
                fail_msg("%s", error.text);
            if (i == 0 && linked)
                assert_int_equal(oj_module_link(modules[0], &error), OJ_OK);
        }
        assert_int_equal(oj_session_link(session, &error), OJ_OK);
        assert_int_equal(oj_session_lookup(session, "g", &own, &error), OJ_OK);
        assert_int_equal(ojt_call_at(own), 11);
        assert_int_equal(oj_session_lookup(session, "f", &first, &error), OJ_OK);
        assert_int_equal(ojt_call_at(first), 10);
        assert_int_equal(oj_module_lookup(modules[0], "f", &own, &error), OJ_OK);
        assert_int_equal(own, first);
        assert_int_equal(oj_module_remove(modules[0], 0, &error), OJ_E_REFERENCED);
        assert_string_equal(error.symbol, "f");
        oj_session_destroy(session);
    }
    for (int i = 0; i < 4; i++)
        oj_object_destroy(objects[i]);
}

OJT_MAIN(cmocka_unit_test(session_first_group_of_all_modules_taken), cmocka_unit_test(link_first_group_taken),
         cmocka_unit_test(link_many_groups_taken_once), cmocka_unit_test(link_left_out_group_needs_nothing),
         cmocka_unit_test(link_reference_to_left_out_code_rejected), cmocka_unit_test(link_tables_lose_left_out_code),
         cmocka_unit_test(link_shared_taken_from_older_code))
