/* The layout before memory is asked for: segments, ranges, addresses; one plan linked many times; statistics. */
#include "link/linktest.h"

/* Two objects with every kind of section, a common symbol, GOT entries and a stub. */
static oj_object *first_object(void)
{
    static const uint8_t rodata[5] = {1, 2, 3, 4, 5}, data[3] = {6, 7, 8};
    static uint8_t code[sizeof ojt_calling_code];
    ojt_elf elf;
    uint16_t text, zero;
    memcpy(code, ojt_calling_code, sizeof code);
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, code, sizeof code);
    ojt_elf_add_section(&elf, ".rodata", SHF_ALLOC, 4, rodata, sizeof rodata);
    ojt_elf_add_data(&elf, data, sizeof data);
    zero = ojt_elf_add_section(&elf, ".bss", SHF_ALLOC | SHF_WRITE, 32, NULL, 10);
    ojt_elf_add_section(&elf, ".comment", 0, 1, rodata, sizeof rodata);
    ojt_elf_add_global(&elf, "f", text, 0, sizeof code);
    ojt_elf_add_global(&elf, "zero", zero, 0, 10);
    ojt_elf_add_symbol(&elf, "shared", SHN_COMMON, 16, 24, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_call(&elf, text, 0, ojt_elf_add_undefined(&elf, "far"));
    return ojt_object(&elf, "first.o");
}

static oj_object *second_object(void)
{
    static const uint8_t unwind[8];
    uint8_t code[OJT_RETURN_SIZE];
    ojt_elf elf;
    uint16_t text;
    ojt_elf_init(&elf);
    text = ojt_elf_add_code(&elf, ojt_return_code(code, 4), OJT_RETURN_SIZE);
    ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, unwind, sizeof unwind);
    ojt_elf_add_global(&elf, "g", text, 0, OJT_RETURN_SIZE);
    return ojt_object(&elf, "second.o");
}

static int return_30(void) { return 30; }

typedef struct job {
    oj_object *objects[2];
    oj_definition far;
    oj_resolver resolvers[2];
    ojt_client client;
    oj_link_options options;
    oj_link_stats stats;
    oj_plan *plan;
} job;

static void begin(job *link, uint32_t flags)
{
    oj_error error = {0};
    memset(link, 0, sizeof *link);
    link->objects[0] = first_object();
    link->objects[1] = second_object();
    link->far = (oj_definition){"far", (uint64_t)(uintptr_t)return_30};
    link->resolvers[0] = oj_resolver_objects();
    link->resolvers[1] = oj_resolver_table(&link->far, 1);
    ojt_client_init(&link->client);
    oj_link_options_init(&link->options);
    link->options.flags = flags;
    link->options.memory = &link->client.table;
    link->options.resolvers = link->resolvers;
    link->options.n_resolvers = 2;
    link->options.stats = &link->stats;
    link->options.stats_size = sizeof link->stats;
    if (oj_plan_create(&link->plan, (const oj_object *const *)link->objects, 2, &link->options, &error) != OJ_OK)
        fail_msg("oj_plan_create: %s", error.text);
}

static void end(job *link)
{
    oj_plan_destroy(link->plan);
    oj_object_destroy(link->objects[0]);
    oj_object_destroy(link->objects[1]);
    assert_int_equal(link->client.n_live, 0);
}

/* Code: .text 16 + 6 (16 aligned), one stub of 8. Read-only: GOT of one entry, .rodata 5 at 8, .eh_frame 8 at 16 with
 *       its end of 4.
 * Data: .data 3, .bss 10 at 32, common 24 at 48. */
static void plan_segments_are_exact(void **state)
{
    static const uint64_t sizes[3] = {32, 28, 72}, alignments[3] = {16, 8, 32};
    job link;
    (void)state;
    ojt_only_on(EM_X86_64, "counts bytes of x86-64's code");
    begin(&link, 0);
    assert_int_equal(oj_plan_segment_count(link.plan), 3);
    for (size_t i = 0; i < 3; i++) {
        oj_segment segment;
        memset(&segment, 0xff, sizeof segment);
        assert_int_equal(oj_plan_segment(link.plan, i, &segment, sizeof segment), OJ_OK);
        assert_int_equal(segment.kind, i + 1);
        assert_int_equal(segment.lifetime, OJ_SEGMENT_KEPT);
        assert_int_equal(segment.size, sizes[i]);
        assert_int_equal(segment.alignment, alignments[i]);
        assert_null(segment.write);
        assert_int_equal(segment.run_addr, 0);
    }
    assert_string_equal(link.client.log, "");
    end(&link);
}

typedef struct expected_range {
    uint32_t segment;
    uint32_t kind;
    const char *object;
    const char *section;
    uint64_t offset;
    uint64_t size;
} expected_range;

static void plan_ranges_cover_every_part_in_order(void **state)
{
    static const expected_range expected[] = {{0, OJ_RANGE_SECTION, "first.o", ".text", 0, 16},
                                              {0, OJ_RANGE_SECTION, "second.o", ".text", 16, 6},
                                              {0, OJ_RANGE_STUBS, "", "", 24, 8},
                                              {1, OJ_RANGE_GOT, "", "", 0, 8},
                                              {1, OJ_RANGE_SECTION, "first.o", ".rodata", 8, 5},
                                              {1, OJ_RANGE_SECTION, "second.o", ".eh_frame", 16, 8},
                                              {2, OJ_RANGE_SECTION, "first.o", ".data", 0, 3},
                                              {2, OJ_RANGE_SECTION, "first.o", ".bss", 32, 10},
                                              {2, OJ_RANGE_COMMON, "", "shared", 48, 24}};
    job link;
    (void)state;
    ojt_only_on(EM_X86_64, "counts bytes of x86-64's code");
    begin(&link, 0);
    assert_int_equal(oj_plan_range_count(link.plan), OJI_COUNT(expected));
    for (size_t i = 0; i < OJI_COUNT(expected); i++) {
        oj_range_info range;
        assert_int_equal(oj_plan_range(link.plan, i, &range, sizeof range), OJ_OK);
        assert_int_equal(range.segment, expected[i].segment);
        assert_int_equal(range.kind, expected[i].kind);
        assert_string_equal(range.object, expected[i].object);
        assert_string_equal(range.section, expected[i].section);
        assert_int_equal(range.offset, expected[i].offset);
        assert_int_equal(range.size, expected[i].size);
    }
    end(&link);
}

static void plan_no_unwind_leaves_eh_frame_out(void **state)
{
    job link;
    oj_segment segment;
    (void)state;
    begin(&link, OJ_LINK_NO_UNWIND);
    assert_int_equal(oj_plan_segment(link.plan, 1, &segment, sizeof segment), OJ_OK);
    assert_int_equal(segment.size, OJT_MACHINE == EM_386 ? 5 : sizeof(void *) + 5); /* a stub has an entry */
    for (size_t i = 0; i < oj_plan_range_count(link.plan); i++) {
        oj_range_info range;
        assert_int_equal(oj_plan_range(link.plan, i, &range, sizeof range), OJ_OK);
        assert_string_not_equal(range.section, ".eh_frame");
    }
    end(&link);
}

static void plan_accessors_check_their_arguments(void **state)
{
    job link;
    oj_segment segment;
    oj_range_info range;
    uint32_t kind = 77;
    (void)state;
    begin(&link, 0);
    memset(&segment, 0xff, sizeof segment);
    assert_int_equal(oj_plan_segment(link.plan, 3, &segment, sizeof segment), OJ_E_MISUSE);
    assert_int_equal(segment.size, 0);
    assert_int_equal(oj_plan_segment(link.plan, SIZE_MAX, &segment, sizeof segment), OJ_E_MISUSE);
    assert_int_equal(oj_plan_segment(NULL, 0, &segment, sizeof segment), OJ_E_MISUSE);
    assert_int_equal(oj_plan_segment(link.plan, 0, NULL, sizeof segment), OJ_E_MISUSE);
    memset(&range, 0xff, sizeof range);
    assert_int_equal(oj_plan_range(link.plan, 9, &range, sizeof range), OJ_E_MISUSE);
    assert_null(range.object);
    assert_int_equal(oj_plan_range(NULL, 0, &range, sizeof range), OJ_E_MISUSE);
    assert_int_equal(oj_plan_range(link.plan, 0, NULL, sizeof range), OJ_E_MISUSE);
    assert_int_equal(oj_plan_segment_count(NULL), 0);
    assert_int_equal(oj_plan_range_count(NULL), 0);
    /* a client that knows the first member only, and one that knows more than there is */
    assert_int_equal(oj_plan_segment(link.plan, 2, (oj_segment *)(void *)&kind, sizeof kind), OJ_OK);
    assert_int_equal(kind, OJ_SEGMENT_DATA);
    struct {
        oj_segment known;
        uint64_t more;
    } longer = {.more = 5};
    assert_int_equal(oj_plan_segment(link.plan, 2, &longer.known, sizeof longer), OJ_OK);
    assert_int_equal(longer.known.size, 72);
    assert_int_equal(longer.more, 0);
    end(&link);
    oj_plan_destroy(NULL);
}

static void plan_links_many_times(void **state)
{
    job link;
    oj_code *codes[3] = {NULL};
    oj_error error = {0};
    (void)state;
    begin(&link, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(oj_plan_link(link.plan, &codes[i], &error), OJ_OK);
    assert_int_equal(link.client.n_live, 3);
    oj_plan_destroy(link.plan);
    link.plan = NULL;
    assert_ptr_not_equal(oj_code_lookup(codes[0], "f"), oj_code_lookup(codes[1], "f"));
    for (int i = 0; i < 3; i++) {
        uint8_t *zero = oj_code_lookup(codes[i], "zero");
        assert_int_equal(ojt_call(codes[i], "f"), 31);
        assert_int_equal(ojt_call(codes[i], "g"), 4);
        for (int j = 0; j < 10; j++)
            assert_int_equal(zero[j], 0);
        memset(zero, i + 1, 10);
    }
    assert_int_equal(*(uint8_t *)oj_code_lookup(codes[0], "zero"), 1);
    for (int i = 0; i < 3; i++)
        oj_code_destroy(codes[i]);
    end(&link);
}

static void plan_link_fails_and_succeeds_again(void **state)
{
    job link;
    oj_code *code = (oj_code *)&link;
    oj_error error = {0};
    (void)state;
    begin(&link, 0);
    link.client.fail = 'p';
    link.client.fail_status = OJ_E_BUDGET;
    assert_int_equal(oj_plan_link(link.plan, &code, &error), OJ_E_BUDGET);
    assert_null(code);
    link.client.fail = 0;
    assert_int_equal(oj_plan_link(link.plan, &code, &error), OJ_OK);
    assert_int_equal(error.status, OJ_OK);
    assert_int_equal(ojt_call(code, "f"), 31);
    oj_code_destroy(code);
    end(&link);
}

/* Of addresses by hand, too; and of none when the last call has failed: those of before are gone. */
static void plan_addresses_are_the_last_calls(void **state)
{
    static uint64_t memory[1024] __attribute__((aligned(4096)));
    oj_object *object = ojt_object_returning("a.o", "f", 5);
    oj_segment segment = {.write = memory, .run_addr = 0x40000};
    oj_code *linked, *written;
    oj_error error = {0};
    oj_plan *plan;
    uint64_t addr = 0;
    (void)state;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, NULL, &error), OJ_OK);
    assert_int_equal(oj_plan_segment_count(plan), 1);
    assert_int_equal(oj_plan_link(plan, &linked, &error), OJ_OK);
    assert_int_equal(oj_plan_lookup(plan, "f", &addr, &error), OJ_OK);
    assert_int_equal(addr, oj_code_lookup_addr(linked, "f"));
    assert_int_equal(oj_plan_write(plan, &segment, 1, &written, &error), OJ_OK);
    assert_int_equal(oj_plan_lookup(plan, "f", &addr, &error), OJ_OK);
    assert_int_equal(addr, 0x40000);
    oj_code_destroy(written);
    segment.write = NULL;
    assert_int_equal(oj_plan_write(plan, &segment, 1, &written, &error), OJ_E_PLACEMENT);
    assert_int_equal(oj_plan_lookup(plan, "f", &addr, &error), OJ_E_MISUSE);
    assert_int_equal(addr, 0);
    assert_int_equal(oj_plan_lookup_reference(plan, "f", &addr, &error), OJ_E_MISUSE);
    oj_plan_destroy(plan);
    oj_code_destroy(linked);
    oj_object_destroy(object);
}

static void plan_misuse_rejected(void **state)
{
    job link;
    oj_code *code = (oj_code *)&link;
    oj_plan *plan = (oj_plan *)&link;
    oj_error error = {0};
    (void)state;
    begin(&link, 0);
    assert_int_equal(oj_plan_link(NULL, &code, &error), OJ_E_MISUSE);
    assert_null(code);
    assert_int_equal(oj_plan_link(link.plan, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_create(NULL, (const oj_object *const *)link.objects, 2, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_create(&plan, NULL, 0, NULL, &error), OJ_E_MISUSE);
    assert_null(plan);
    end(&link);
}

static void plan_of_object_without_globals_works(void **state)
{
    static const uint8_t bytes[4] = {1, 2, 3, 4};
    ojt_elf elf;
    ojt_client client;
    oj_link_options options;
    oj_object *object;
    oj_plan *plan = NULL;
    oj_code *code = NULL;
    oj_error error = {0};
    (void)state;
    ojt_elf_init(&elf);
    ojt_elf_add_data(&elf, bytes, sizeof bytes);
    object = ojt_object(&elf, "a.o");
    ojt_options_init(&options, &client);
    if (oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error) != OJ_OK)
        fail_msg("%s", error.text);
    assert_int_equal(oj_plan_link(plan, &code, &error), OJ_OK);
    assert_memory_equal(client.segments[0].write, bytes, 4);
    oj_code_destroy(code);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

static void link_of_nothing_loaded_gives_code_without_segments(void **state)
{
    ojt_elf elf;
    ojt_client client;
    oj_link_options options;
    oj_object *object;
    oj_code *code;
    (void)state;
    ojt_elf_init(&elf);
    ojt_elf_add_symbol(&elf, "fixed", SHN_ABS, 0x1234, 0, STB_GLOBAL, STT_NOTYPE);
    object = ojt_object(&elf, "a.o");
    ojt_options_init(&options, &client);
    code = ojt_link(&object, 1, &options);
    assert_int_equal(oj_code_segment_count(code), 0);
    assert_int_equal(oj_code_lookup_addr(code, "fixed"), 0x1234);
    assert_string_equal(client.log, "");
    oj_code_destroy(code);
    assert_string_equal(client.log, "");
    oj_object_destroy(object);
}

static void stats_count_what_was_linked(void **state)
{
    job link;
    oj_code *code = NULL;
    oj_error error = {0};
    (void)state;
    ojt_only_on(EM_X86_64, "counts bytes of x86-64's code");
    begin(&link, 0);
    assert_int_equal(oj_plan_link(link.plan, &code, &error), OJ_OK);
    assert_int_equal(link.stats.n_objects, 2);
    assert_int_equal(link.stats.n_sections, 6);
    assert_int_equal(link.stats.n_symbols, 4);
    assert_int_equal(link.stats.n_relocations, 1);
    assert_int_equal(link.stats.n_got_entries, 1);
    assert_int_equal(link.stats.n_stubs, 1);
    assert_int_equal(link.stats.code_size, 32);
    assert_int_equal(link.stats.rodata_size, 28);
    assert_int_equal(link.stats.data_size, 72);
    assert_int_equal(link.stats.zero_size, 69);
    assert_int_equal(link.stats.parse_ns, 0);
    assert_true(link.stats.resolve_ns > 0 && link.stats.layout_ns > 0 && link.stats.place_ns > 0 &&
                link.stats.relocate_ns > 0 && link.stats.publish_ns > 0);
    oj_code_destroy(code);
    end(&link);
}

static void stats_are_cut_and_filled_up_to_their_size(void **state)
{
    struct {
        oj_link_stats known;
        uint64_t more;
    } longer;
    uint64_t few[2] = {5, 5};
    job link;
    oj_code *code = NULL;
    (void)state;
    begin(&link, 0);
    oj_plan_destroy(link.plan);
    link.plan = NULL;
    memset(&longer, 0xff, sizeof longer);
    link.options.stats = &longer.known;
    link.options.stats_size = sizeof longer;
    code = ojt_link(link.objects, 2, &link.options);
    assert_int_equal(longer.known.n_objects, 2);
    assert_int_equal(longer.more, 0);
    oj_code_destroy(code);
    link.options.stats = (oj_link_stats *)(void *)few;
    link.options.stats_size = sizeof few[0];
    code = ojt_link(link.objects, 2, &link.options);
    assert_int_equal(few[0], 0);
    assert_int_equal(few[1], 5);
    oj_code_destroy(code);
    end(&link);
}

/* One load and one call that can be made direct, and a call that has a stub it does not need. */
static void stats_count_relaxed_and_direct(void **state)
{
    oj_object *objects[3];
    static const uint8_t data[4] = {9, 0, 0, 0};
    ojt_client client;
    oj_link_options options;
    oj_link_stats stats;
    const oj_definition near = {"near", 0x10001000};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(&near, 1)};
    ojt_elf elf;
    oj_code *code;
    (void)state;
    ojt_only_on(EM_X86_64, "counts bytes of x86-64's code");
    if (OJT_STRESS)
        skip();
    ojt_elf_init(&elf);
    ojt_elf_add_symbol(&elf, "variable", ojt_elf_add_data(&elf, data, 4), 0, 4, STB_GLOBAL, STT_OBJECT);
    objects[0] = ojt_object(&elf, "data.o");
    objects[1] = ojt_object_loading("load.o", "f", "variable");
    objects[2] = ojt_object_calling("call.o", "g", "near");
    ojt_client_init_buffers(&client, 0x10000000, 0x10100000, 0x10200000);
    oj_link_options_init(&options);
    options.memory = &client.table;
    options.resolvers = resolvers;
    options.n_resolvers = 2;
    options.stats = &stats;
    options.stats_size = sizeof stats;
    code = ojt_link(objects, 3, &options);
    assert_int_equal(stats.n_relaxed, 1);
    assert_int_equal(stats.n_direct, 1);
    assert_int_equal(stats.n_stubs, 1);
    assert_int_equal(stats.n_got_entries, 1);
    oj_code_destroy(code);
    for (int i = 0; i < 3; i++)
        oj_object_destroy(objects[i]);
}

static void link_bytes_reads_and_links_at_once(void **state)
{
    uint8_t bytes[OJT_RETURN_SIZE], *file;
    ojt_client client;
    oj_link_options options;
    oj_link_stats stats;
    ojt_elf elf;
    oj_code *code = NULL;
    oj_error error = {0};
    size_t size;
    (void)state;
    ojt_elf_init(&elf);
    ojt_elf_add_global(&elf, "f", ojt_elf_add_code(&elf, ojt_return_code(bytes, 77), OJT_RETURN_SIZE), 0,
                       OJT_RETURN_SIZE);
    file = ojt_elf_finish(&elf, &size);
    ojt_options_init(&options, &client);
    options.stats = &stats;
    options.stats_size = sizeof stats;
    assert_int_equal(oj_link_bytes(file, size, &options, &code, &error), OJ_OK);
    memset(file, 0, size);
    free(file);
    assert_int_equal(ojt_call(code, "f"), 77);
    assert_true(stats.parse_ns > 0);
    oj_code_destroy(code);
}

OJT_MAIN(cmocka_unit_test(plan_segments_are_exact), cmocka_unit_test(plan_ranges_cover_every_part_in_order),
         cmocka_unit_test(plan_no_unwind_leaves_eh_frame_out), cmocka_unit_test(plan_accessors_check_their_arguments),
         cmocka_unit_test(plan_links_many_times), cmocka_unit_test(plan_link_fails_and_succeeds_again),
         cmocka_unit_test(plan_misuse_rejected), cmocka_unit_test(plan_addresses_are_the_last_calls),
         cmocka_unit_test(plan_of_object_without_globals_works),
         cmocka_unit_test(link_of_nothing_loaded_gives_code_without_segments),
         cmocka_unit_test(stats_count_what_was_linked), cmocka_unit_test(stats_are_cut_and_filled_up_to_their_size),
         cmocka_unit_test(stats_count_relaxed_and_direct), cmocka_unit_test(link_bytes_reads_and_links_at_once))
