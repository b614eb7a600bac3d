/* Indirect functions: chosen when the link is done, and refused where nothing can be run. */
#include "link/linktest.h"

#define IFUNC 10 /* STT_GNU_IFUNC */

/* lea chosen(%rip), %rax; ret; then at 8: mov $7, %eax; ret */
static const uint8_t choosing[] = {0x48, 0x8d, 0x05, 1, 0, 0, 0, 0xc3, 0xb8, 7, 0, 0, 0, 0xc3};
/* xor %eax, %eax; ret */
static const uint8_t choosing_nothing[] = {0x31, 0xc0, 0xc3};

static oj_object *ifunc_object(const void *code, size_t size)
{
    ojt_elf elf;
    uint16_t text;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, code, size);
    ojt_elf_add_symbol(&elf, "f", text, 0, 8, STB_GLOBAL, IFUNC);
    return ojt_object(&elf, "ifunc.o");
}

static void begin(ojt_client *client, oj_link_options *options)
{
    ojt_client_init(client);
    oj_link_options_init(options);
    options->memory = &client->table;
}

static void ifunc_called_looked_up_and_wanted(void **state)
{
    oj_object *objects[] = {ifunc_object(choosing, sizeof choosing), ojt_object_calling("main.o", "g", "f")};
    oj_wanted wanted = {.name = "f"};
    oj_link_options options;
    ojt_client client;
    oj_code *code;
    (void)state;
    ojt_only_on(EM_X86_64, "indirect functions are linked for x86-64 alone");
    begin(&client, &options);
    options.wanted = &wanted;
    options.n_wanted = 1;
    code = ojt_link(objects, 2, &options);
    assert_int_equal(ojt_call(code, "g"), 8);
    assert_int_equal(ojt_call(code, "f"), 7);
    assert_int_equal(wanted.addr, oj_code_lookup_addr(code, "f"));
    oj_code_destroy(code);
    assert_int_equal(client.n_live, 0);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

static void ifunc_that_chooses_nothing_rejected(void **state)
{
    oj_object *object = ifunc_object(choosing_nothing, sizeof choosing_nothing);
    oj_link_options options;
    ojt_client client;
    oj_error error;
    oj_plan *plan;
    oj_code *code;
    uint64_t addr;
    (void)state;
    ojt_only_on(EM_X86_64, "indirect functions are linked for x86-64 alone");
    begin(&client, &options);
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_UNDEFINED);
    assert_null(code);
    assert_string_equal(error.symbol, "f");
    assert_string_equal(error.object, "ifunc.o");
    assert_int_equal(client.n_live, 0);
    /* A plan has no addresses of memory that was given back. */
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_int_equal(oj_plan_link(plan, &code, &error), OJ_E_UNDEFINED);
    assert_int_equal(oj_plan_lookup(plan, "f", &addr, &error), OJ_E_MISUSE);
    assert_int_equal(client.n_live, 0);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

static void ifunc_refused_where_nothing_runs(void **state)
{
    oj_object *object = ifunc_object(choosing, sizeof choosing);
    oj_segment segments[3];
    oj_link_options options;
    ojt_client client;
    oj_error error;
    oj_plan *plan;
    oj_code *code;
    _Alignas(16) static uint8_t memory[3][256];
    (void)state;
    ojt_only_on(EM_X86_64, "indirect functions are linked for x86-64 alone");
    begin(&client, &options);
    options.flags = OJ_LINK_SECTIONS_SINGLY;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &code, &error), OJ_E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "ifunc"));
    options.flags = 0;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_true(oj_plan_segment_count(plan) <= 3);
    for (size_t i = 0; i < oj_plan_segment_count(plan); i++) {
        assert_int_equal(oj_plan_segment(plan, i, &segments[i], sizeof segments[i]), OJ_OK);
        segments[i].write = memory[i];
        segments[i].run_addr = (uint64_t)(uintptr_t)memory[i];
    }
    assert_int_equal(oj_plan_write(plan, segments, oj_plan_segment_count(plan), &code, &error), OJ_E_UNSUPPORTED);
    assert_string_equal(error.symbol, "f");
    assert_int_equal(oj_plan_link(plan, &code, &error), OJ_OK);
    assert_int_equal(ojt_call(code, "f"), 7);
    oj_code_destroy(code);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
    assert_int_equal(client.n_live, 0);
}

OJT_MAIN(cmocka_unit_test(ifunc_called_looked_up_and_wanted), cmocka_unit_test(ifunc_that_chooses_nothing_rejected),
         cmocka_unit_test(ifunc_refused_where_nothing_runs))
