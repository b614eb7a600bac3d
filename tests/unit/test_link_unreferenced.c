/* OJ_LINK_DROP_UNREFERENCED: what is left out, what stays, and what is then not needed. */
#include "link/linktest.h"

/* Functions f (calls g), g, and h (calls nowhere), each in a section of its own. */
static oj_object *three_functions(void)
{
    static uint8_t code[OJT_RETURN_SIZE];
    ojt_elf elf;
    uint16_t f, g, h;
    uint32_t g_symbol;
    ojt_elf_init(&elf);
    ojt_return_code(code, 5);
    f = ojt_elf_add_section(&elf, ".text.f", SHF_ALLOC | SHF_EXECINSTR, 16, ojt_calling_code, sizeof ojt_calling_code);
    g = ojt_elf_add_section(&elf, ".text.g", SHF_ALLOC | SHF_EXECINSTR, 16, code, sizeof code);
    h = ojt_elf_add_section(&elf, ".text.h", SHF_ALLOC | SHF_EXECINSTR, 16, ojt_calling_code, sizeof ojt_calling_code);
    g_symbol = ojt_elf_add_symbol(&elf, "g", g, 0, sizeof code, STB_LOCAL, STT_FUNC);
    ojt_elf_add_global(&elf, "f", f, 0, sizeof ojt_calling_code);
    ojt_elf_add_global(&elf, "h", h, 0, sizeof ojt_calling_code);
    ojt_elf_add_call(&elf, f, 0, g_symbol);
    ojt_elf_add_call(&elf, h, 0, ojt_elf_add_undefined(&elf, "nowhere"));
    return ojt_object(&elf, "a.o");
}

static void unreferenced_sections_and_their_needs_left_out(void **state)
{
    oj_object *object = three_functions();
    oj_wanted wanted = {.name = "f"};
    oj_link_options options;
    oj_link_stats stats;
    ojt_client client;
    oj_error error;
    oj_code *code;
    (void)state;
    ojt_options_init(&options, &client);
    options.stats = &stats;
    options.stats_size = sizeof stats;
    options.wanted = &wanted;
    options.n_wanted = 1;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_UNDEFINED);
    options.flags = OJ_LINK_DROP_UNREFERENCED;
    code = ojt_link(&object, 1, &options);
    assert_int_equal(ojt_call_at(wanted.addr), 6);
    assert_int_equal(stats.n_sections, 2);
    assert_null(oj_code_lookup(code, "h"));
    oj_code_destroy(code);
    /* Without wanted names every global one is a root. */
    options.n_wanted = 0;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_UNDEFINED);
    assert_int_equal(client.n_live, 0);
    oj_object_destroy(object);
}

/* A section's kind, name or flags may say that it is needed though nothing refers to it. */
static void unreferenced_roots_stay(void **state)
{
    static const uint8_t bytes[8] = {1};
    static const struct {
        const char *name;
        uint64_t flags;
        size_t n_kept;
    } rows[] = {{".data.x", SHF_ALLOC | SHF_WRITE, 1},
                {".data.x", SHF_ALLOC | SHF_WRITE | 0x200000, 2},
                {"identifier", SHF_ALLOC | SHF_WRITE, 2},
                {".fini_array", SHF_ALLOC | SHF_WRITE, 2}};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(rows); i++) {
        uint8_t code_bytes[OJT_RETURN_SIZE];
        oj_wanted wanted = {.name = "f"};
        oj_link_options options;
        oj_link_stats stats;
        oj_object *object;
        ojt_client client;
        oj_code *code;
        ojt_elf elf;
        uint16_t text;
        ojt_elf_init(&elf);
        text = ojt_elf_add_code(&elf, ojt_return_code(code_bytes, 5), sizeof code_bytes);
        ojt_elf_add_section(&elf, rows[i].name, rows[i].flags, 8, bytes, sizeof bytes);
        ojt_elf_add_global(&elf, "f", text, 0, sizeof code_bytes);
        object = ojt_object(&elf, "a.o");
        ojt_options_init(&options, &client);
        options.stats = &stats;
        options.stats_size = sizeof stats;
        options.wanted = &wanted;
        options.n_wanted = 1;
        options.flags = OJ_LINK_DROP_UNREFERENCED;
        code = ojt_link(&object, 1, &options);
        assert_int_equal(stats.n_sections, rows[i].n_kept);
        assert_int_equal(ojt_call(code, "f"), 5);
        oj_code_destroy(code);
        oj_object_destroy(object);
    }
}

/* Stack maps stay, keep no function alive, and say 0 of those that went. */
static void unreferenced_code_not_kept_by_stackmaps(void **state)
{
    static const uint8_t maps[16] = {3};
    uint8_t code_bytes[OJT_RETURN_SIZE];
    oj_wanted wanted[] = {{.name = "f"}, {.name = "maps"}};
    oj_link_options options;
    oj_link_stats stats;
    oj_object *object;
    ojt_client client;
    oj_code *code;
    ojt_elf elf;
    uint16_t f, g, table;
    const uint64_t *addrs;
    (void)state;
    ojt_return_code(code_bytes, 5);
    ojt_elf_init(&elf);
    f = ojt_elf_add_section(&elf, ".text.f", SHF_ALLOC | SHF_EXECINSTR, 16, code_bytes, sizeof code_bytes);
    g = ojt_elf_add_section(&elf, ".text.g", SHF_ALLOC | SHF_EXECINSTR, 16, code_bytes, sizeof code_bytes);
    table = ojt_elf_add_section(&elf, ".llvm_stackmaps", SHF_ALLOC, 8, maps, sizeof maps);
    uint32_t g_symbol = ojt_elf_add_symbol(&elf, "g", g, 0, sizeof code_bytes, STB_LOCAL, STT_FUNC);
    ojt_elf_add_global(&elf, "maps", table, 0, sizeof maps);
    uint32_t f_symbol = ojt_elf_add_global(&elf, "f", f, 0, sizeof code_bytes);
    ojt_elf_add_addr(&elf, table, 0, f_symbol, 0);
    ojt_elf_add_addr(&elf, table, 8, g_symbol, 0);
    object = ojt_object(&elf, "a.o");
    ojt_options_init(&options, &client);
    options.stats = &stats;
    options.stats_size = sizeof stats;
    options.wanted = wanted;
    options.n_wanted = OJI_COUNT(wanted);
    options.flags = OJ_LINK_DROP_UNREFERENCED;
    code = ojt_link(&object, 1, &options);
    assert_int_equal(stats.n_sections, 2);
    addrs = (const uint64_t *)(uintptr_t)wanted[1].addr;
    assert_int_equal(addrs[0], wanted[0].addr);
    assert_int_equal(addrs[1], 0);
    oj_code_destroy(code);
    oj_object_destroy(object);
}

OJT_MAIN(cmocka_unit_test(unreferenced_sections_and_their_needs_left_out), cmocka_unit_test(unreferenced_roots_stay),
         cmocka_unit_test(unreferenced_code_not_kept_by_stackmaps))
