/* Indirect functions: chosen when the link is done, and refused where nothing can be run. */
#include "link/linktest.h"

#define IFUNC 10 /* STT_GNU_IFUNC */

static oj_object *ifunc_object(const void *code, size_t size)
{
    ojt_elf elf;
    uint16_t text;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, code, size);
    ojt_elf_add_symbol(&elf, "f", text, 0, 8, STB_GLOBAL, IFUNC);
    return ojt_object(&elf, "ifunc.o");
}

/* A word with the address of a function. */
static oj_object *pointing_object(const char *name, const char *function)
{
    static const uintptr_t word;
    ojt_elf elf;
    uint16_t data;
    ojt_elf_init(&elf);
    data = ojt_elf_add_data(&elf, &word, sizeof word);
    ojt_elf_add_symbol(&elf, name, data, 0, sizeof word, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_addr(&elf, data, 0, ojt_elf_add_symbol(&elf, function, SHN_UNDEF, 0, 0, STB_GLOBAL, STT_NOTYPE), 0);
    return ojt_object(&elf, "pointing.o");
}

static void begin(ojt_client *client, oj_link_options *options)
{
    ojt_client_init(client);
    oj_link_options_init(options);
    options->memory = &client->table;
}

static void ifunc_called_looked_up_and_wanted(void **state)
{
    oj_object *objects[] = {ifunc_object(ojt_choosing_code, sizeof ojt_choosing_code),
                            ojt_object_calling("main.o", "g", "f")};
    oj_wanted wanted = {.name = "f"};
    oj_link_options options;
    ojt_client client;
    oj_code *code;
    (void)state;
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
    oj_object *object = ifunc_object(ojt_choosing_nothing, sizeof ojt_choosing_nothing);
    oj_link_options options;
    ojt_client client;
    oj_error error;
    oj_plan *plan;
    oj_code *code;
    uint64_t addr;
    (void)state;
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
    oj_object *object = ifunc_object(ojt_choosing_code, sizeof ojt_choosing_code);
    oj_segment segments[3];
    oj_link_options options;
    ojt_client client;
    oj_error error;
    oj_plan *plan;
    oj_code *code;
    _Alignas(16) static uint8_t memory[3][256];
    (void)state;
    begin(&client, &options);
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

/* Its stub, its entry and those that refer to it by a call, by address and by GOT are all in different places. */
static void ifunc_sections_placed_singly(void **state)
{
    bool is_far = sizeof(void *) == 8;
    oj_object *objects[] = {ifunc_object(ojt_choosing_code, sizeof ojt_choosing_code),
                            ojt_object_calling("main.o", "g", "f"), pointing_object("pointer", "f")};
    oj_wanted wanted = {.name = "pointer"};
    oj_link_options options;
    ojt_client client;
    oj_code *code;
    (void)state;
    begin(&client, &options);
    options.flags = OJ_LINK_SECTIONS_SINGLY;
    options.wanted = &wanted;
    options.n_wanted = 1;
    if (is_far)
        ojt_client_places_far_apart(&client);
    code = ojt_link(objects, 3, &options);
    assert_int_equal(ojt_call(code, "g"), 8);
    assert_int_equal(ojt_call(code, "f"), 7);
    assert_int_equal(*(const uintptr_t *)(uintptr_t)wanted.addr, oj_code_lookup_addr(code, "f"));
    oj_code_destroy(code);
    assert_int_equal(client.n_live, 0);
    for (size_t i = 0; i < 3; i++)
        oj_object_destroy(objects[i]);
}

/* What a client sees of it before it places anything. */
static void ifunc_ranges_where_sections_are_placed_singly(void **state)
{
    oj_object *object = ifunc_object(ojt_choosing_code, sizeof ojt_choosing_code);
    uint64_t stubs = 0, entries = 0;
    oj_link_options options;
    ojt_client client;
    oj_error error;
    oj_plan *plan;
    (void)state;
    begin(&client, &options);
    options.flags = OJ_LINK_SECTIONS_SINGLY;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    for (size_t i = 0; i < oj_plan_range_count(plan); i++) {
        oj_range_info range;
        oj_segment segment;
        assert_int_equal(oj_plan_range(plan, i, &range, sizeof range), OJ_OK);
        assert_int_equal(oj_plan_segment(plan, range.segment, &segment, sizeof segment), OJ_OK);
        assert_true(range.offset + range.size <= segment.size);
        if (range.kind == OJ_RANGE_SECTION)
            continue;
        assert_string_equal(segment.section, segment.kind == OJ_SEGMENT_CODE ? ".iplt" : "COMMON");
        stubs += range.kind == OJ_RANGE_STUBS ? range.size : 0;
        entries += range.kind == OJ_RANGE_GOT && segment.kind == OJ_SEGMENT_DATA ? range.size : 0;
    }
    assert_true(stubs > 0);
    assert_int_equal(entries, sizeof(void *));
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

OJT_MAIN(cmocka_unit_test(ifunc_called_looked_up_and_wanted), cmocka_unit_test(ifunc_that_chooses_nothing_rejected),
         cmocka_unit_test(ifunc_refused_where_nothing_runs), cmocka_unit_test(ifunc_sections_placed_singly),
         cmocka_unit_test(ifunc_ranges_where_sections_are_placed_singly))
