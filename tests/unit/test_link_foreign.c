/* Code of another architecture than this process's, in memory of a client's: it can be linked and read, and what would
 * have to run it is refused by name. And handles that are missing. */
#include "link/linktest.h"

/* 8 bytes of code for AArch64, with a stack map beside it. */
static oj_object *make_foreign(const char *undefined)
{
    static const uint8_t code[8], map[16] = {3};
    oj_object *object = NULL;
    oj_error error = {0};
    ojt_elf elf;
    size_t size;
    uint8_t *bytes;
    ojt_elf_init(&elf);
    elf.machine = OJT_MACHINE == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
    ojt_elf_add_global(&elf, "f", ojt_elf_add_code(&elf, code, sizeof code), 0, sizeof code);
    ojt_elf_add_section(&elf, ".llvm_stackmaps", SHF_ALLOC, 8, map, sizeof map);
    if (undefined)
        ojt_elf_add_reloc(&elf, ojt_elf_add_data(&elf, map, 8), 0,
                          elf.machine == EM_AARCH64 ? R_AARCH64_ABS64 : R_X86_64_64,
                          ojt_elf_add_undefined(&elf, undefined), 0);
    bytes = ojt_elf_finish(&elf, &size);
    if (oj_object_create(&object, bytes, size, NULL, &error) != OJ_OK)
        fail_msg("%s", error.text);
    free(bytes);
    return object;
}

static void foreign_code_is_not_run(void **state)
{
    static const uint8_t nop[4] = {0x1f, 0x20, 0x03, 0xd5};
    oj_object *object = make_foreign(NULL), *lacking = make_foreign("oj_missing");
    oj_link_options options;
    ojt_client client;
    oj_stackmap *map = (oj_stackmap *)&client;
    oj_error error;
    oj_code *code = NULL;
    (void)state;
    oj_link_options_init(&options);
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_ARCHITECTURE);
    assert_null(code);
    assert_non_null(strstr(error.text, "memory that the client names"));
    /* That comes first: there is no use in finding what such an object lacks. */
    assert_int_equal(oj_link((const oj_object *const *)&lacking, 1, &options, &code, &error), OJ_E_ARCHITECTURE);
    ojt_client_init_buffers(&client, 0x10000, 0x20000, 0x30000);
    options.memory = &client.table;
    code = ojt_link(&object, 1, &options);
    assert_int_equal(oj_code_lookup_addr(code, "f"), 0x10000);
    assert_int_equal(oj_code_construct(code, &error), OJ_E_ARCHITECTURE);
    assert_int_equal(oj_code_stackmap(&map, code, NULL, &error), OJ_E_MISUSE);
    assert_null(map);
    assert_int_equal(oj_code_patch(code, 0x10000, nop, 4, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_code_patch(NULL, 0x10000, nop, 4, 0, &error), OJ_E_MISUSE);
    oj_code_destroy(code);
    assert_int_equal(client.n_live, 0);
    oj_object_destroy(object);
    oj_object_destroy(lacking);
}

/* Far functions of this process have a stub that stands for them: what lies at the address of another machine's
 * function here says nothing. */
static void foreign_functions_are_none_of_this_process(void **state)
{
    static const uint8_t bytes_of_code[8];
    const uint64_t addr = (uintptr_t)ojt_client_flush, start = addr & ~UINT64_C(0xfff);
    const bool is_x86 = OJT_MACHINE == EM_AARCH64;
    const oj_definition far = {"far", addr};
    const oj_resolver resolver = oj_resolver_table(&far, 1);
    oj_object *object = NULL;
    oj_link_options options;
    oj_link_stats stats;
    ojt_client client;
    oj_error error = {0};
    oj_code *code;
    ojt_elf elf;
    uint16_t text;
    size_t size;
    uint8_t *bytes;
    (void)state;
    ojt_elf_init(&elf);
    elf.machine = is_x86 ? EM_X86_64 : EM_AARCH64;
    text = ojt_elf_add_code(&elf, bytes_of_code, sizeof bytes_of_code);
    ojt_elf_add_reloc(&elf, text, is_x86 ? 4 : 0, is_x86 ? R_X86_64_PC32 : R_AARCH64_ADR_PREL_PG_HI21,
                      ojt_elf_add_undefined(&elf, "far"), 0);
    bytes = ojt_elf_finish(&elf, &size);
    if (oj_object_create(&object, bytes, size, NULL, &error) != OJ_OK)
        fail_msg("%s", error.text);
    ojt_client_init_buffers(&client, start + 0x10000, start + 0x20000, start + 0x30000);
    oj_link_options_init(&options);
    options.memory = &client.table;
    options.resolvers = &resolver;
    options.n_resolvers = 1;
    options.stats = &stats;
    options.stats_size = sizeof stats;
    code = ojt_link(&object, 1, &options);
    assert_int_equal(stats.n_stubs, 0);
    oj_code_destroy(code);
    oj_object_destroy(object);
    free(bytes);
}

static void foreign_plan_asks_for_memory(void **state)
{
    oj_object *object = make_foreign(NULL);
    oj_plan *plan = NULL;
    oj_code *code = NULL;
    oj_error error;
    (void)state;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, &error), OJ_OK);
    assert_int_equal(oj_plan_place(plan, &error), OJ_E_ARCHITECTURE);
    assert_int_equal(oj_plan_link(plan, &code, &error), OJ_E_ARCHITECTURE);
    assert_null(code);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

/* Objects of two architectures have no code in common. */
static void foreign_and_own_objects_are_not_mixed(void **state)
{
    oj_object *objects[2] = {ojt_object_returning("own.o", "g", 1), make_foreign(NULL)};
    oj_plan *plan = (oj_plan *)objects;
    oj_error error;
    (void)state;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)objects, 2, NULL, &error), OJ_E_ARCHITECTURE);
    assert_null(plan);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

/* A number of another architecture's: the place is told, and the number, as it has no name here. */
static void foreign_relocations_are_refused_by_place(void **state)
{
    static const struct {
        uint16_t machine;
        uint32_t number;
        const char *text;
    } cases[] = {{EM_X86_64, R_AARCH64_CALL26, "a relocation of number 283, which is not known"},
                 {EM_AARCH64, R_X86_64_PLT32, "a relocation of number 4, which is not known"},
                 {EM_AARCH64, R_RISCV_CALL_PLT, "a relocation of number 19, which is not known"},
                 {EM_RISCV, R_AARCH64_CALL26, "a relocation of number 283, which is not known"}};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(cases); i++) {
        static const uint8_t code[16];
        oj_object *object = NULL;
        oj_error error = {0};
        ojt_elf elf;
        uint16_t text;
        size_t size;
        uint8_t *bytes;
        ojt_elf_init(&elf);
        elf.machine = cases[i].machine;
        text = ojt_elf_add_code(&elf, code, sizeof code);
        ojt_elf_add_reloc(&elf, text, 8, cases[i].number, ojt_elf_add_undefined(&elf, "callee"), 0);
        bytes = ojt_elf_finish(&elf, &size);
        assert_int_equal(oj_object_create(&object, bytes, size, NULL, &error), OJ_E_UNSUPPORTED);
        assert_null(object);
        assert_string_equal(error.section, ".text");
        assert_string_equal(error.symbol, "callee");
        assert_int_equal(error.offset, 8);
        if (!strstr(error.text, cases[i].text))
            fail_msg("%s", error.text);
        free(bytes);
    }
}

static void missing_handles_answered(void **state)
{
    oj_object *object = ojt_object_returning("a.o", "f", 3);
    oj_code *code = ojt_link(&object, 1, NULL);
    oj_plan *plan = NULL;
    oj_workers_stats stats;
    oj_error error;
    uint64_t addr = 1;
    (void)state;
    assert_null(oj_compiler_llvm(NULL));
    assert_null(oj_compiler_triple(NULL));
    assert_null(oj_compiler_cpu(NULL));
    assert_null(oj_bytes_data(NULL));
    assert_int_equal(oj_bytes_size(NULL), 0);
    assert_int_equal(oj_code_unwind(code, 0, NULL, 0), OJ_E_MISUSE);
    memset(&stats, 0xFF, sizeof stats);
    assert_int_equal(oj_workers_get_stats(NULL, &stats, sizeof stats), OJ_E_MISUSE);
    assert_memory_equal(&stats, &(oj_workers_stats){0}, sizeof stats);
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, &error), OJ_OK);
    assert_int_equal(oj_plan_lookup(plan, "f", NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_lookup(plan, NULL, &addr, &error), OJ_E_MISUSE);
    assert_int_equal(addr, 0);
    oj_plan_destroy(plan);
    oj_code_destroy(code);
    oj_object_destroy(object);
}

OJT_MAIN(cmocka_unit_test(foreign_code_is_not_run), cmocka_unit_test(foreign_plan_asks_for_memory),
         cmocka_unit_test(foreign_functions_are_none_of_this_process),
         cmocka_unit_test(foreign_and_own_objects_are_not_mixed), cmocka_unit_test(missing_handles_answered),
         cmocka_unit_test(foreign_relocations_are_refused_by_place))
