/* Sections placed singly, anywhere, each with its own GOT entries and stubs; and links written by hand, for addresses
 * and buffers of the client's choice. */
#include "link/linktest.h"

/* Code in two sections that call each other, call outside and load data; each section is to be placed far from all
 * others. f() = inner() + 1, inner() loads the variable. */
static oj_object *two_sections_object(void)
{
    static const uint32_t variable = 50;
    ojt_elf elf;
    uint16_t first, second, data;
    uint32_t inner, loaded;
    ojt_elf_init(&elf);
    first =
        ojt_elf_add_section(&elf, ".text.f", SHF_ALLOC | SHF_EXECINSTR, 16, ojt_calling_code, sizeof ojt_calling_code);
    second = ojt_elf_add_section(&elf, ".text.inner", SHF_ALLOC | SHF_EXECINSTR, 16, ojt_loading_code,
                                 sizeof ojt_loading_code);
    data = ojt_elf_add_data(&elf, &variable, sizeof variable);
    ojt_elf_add_section(&elf, ".bss", SHF_ALLOC | SHF_WRITE, 8, NULL, 24);
    ojt_elf_add_global(&elf, "f", first, 0, sizeof ojt_calling_code);
    inner = ojt_elf_add_global(&elf, "inner", second, 0, sizeof ojt_loading_code);
    loaded = ojt_elf_add_symbol(&elf, "variable", data, 0, 4, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_call(&elf, first, 0, inner);
    ojt_elf_add_load(&elf, second, 0, inner, loaded);
    return ojt_object(&elf, "two.o");
}

static void singly_sections_far_apart_run(void **state)
{
    oj_object *object = two_sections_object();
    oj_link_options options;
    oj_link_stats stats;
    ojt_client client;
    oj_code *code;
    (void)state;
    ojt_needs_64_bits("its sections are further apart than 32 bits");
    ojt_client_init(&client);
    ojt_client_places_far_apart(&client);
    oj_link_options_init(&options);
    options.memory = &client.table;
    options.flags = OJ_LINK_SECTIONS_SINGLY;
    options.stats = &stats;
    options.stats_size = sizeof stats;
    code = ojt_link(&object, 1, &options);
    oj_object_destroy(object);
    assert_int_equal(client.asked.flags, OJ_PLACEMENT_SECTIONS);
    assert_int_equal(client.asked.reach, 0);
    assert_int_equal(stats.n_stubs, 1);
    assert_int_equal(stats.n_got_entries, 2);
    assert_int_equal(stats.n_relaxed, 0);
    assert_int_equal(ojt_call(code, "f"), 51);
    oj_code_destroy(code);
    assert_int_equal(client.n_live, 0);
}

static void singly_segments_are_named(void **state)
{
    oj_object *object = two_sections_object();
    oj_link_options options;
    ojt_client client;
    oj_plan *plan = NULL;
    oj_error error = {0};
    int n_named = 0;
    (void)state;
    ojt_options_init(&options, &client);
    options.flags = OJ_LINK_SECTIONS_SINGLY;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    for (size_t i = 0; i < oj_plan_segment_count(plan); i++) {
        oj_segment segment;
        assert_int_equal(oj_plan_segment(plan, i, &segment, sizeof segment), OJ_OK);
        assert_true(segment.size > 0);
        if (!segment.section)
            continue;
        n_named++;
        assert_string_equal(segment.object, "two.o");
        if (strcmp(segment.section, ".text.f") == 0)
            assert_int_equal(segment.kind, OJ_SEGMENT_CODE);
        if (strcmp(segment.section, ".bss") == 0)
            assert_int_equal(segment.size, 24);
    }
    assert_true(n_named >= 4);
    for (size_t i = 0; i < oj_plan_range_count(plan); i++) {
        oj_range_info range;
        oj_segment segment;
        assert_int_equal(oj_plan_range(plan, i, &range, sizeof range), OJ_OK);
        assert_int_equal(oj_plan_segment(plan, range.segment, &segment, sizeof segment), OJ_OK);
        assert_true(range.offset + range.size <= segment.size);
    }
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

/* What needs a distance between two sections that are too far apart fails, and says where. */
static void singly_direct_reference_too_far_rejected(void **state)
{
    static const uint8_t code[8] = {0x8b, 0x05}, variable[4] = {1};
    oj_link_options options;
    ojt_client client;
    oj_object *object;
    oj_code *linked = NULL;
    oj_error error = {0};
    ojt_elf elf;
    uint16_t text;
    (void)state;
    ojt_needs_64_bits("its sections are further apart than 32 bits");
    ojt_elf_init(&elf);
    elf.machine = EM_X86_64;
    text = ojt_elf_add_code(&elf, code, sizeof code);
    ojt_elf_add_symbol(&elf, "variable", ojt_elf_add_data(&elf, variable, 4), 0, 4, STB_GLOBAL, STT_OBJECT);
    ojt_elf_add_reloc(&elf, text, 2, R_X86_64_PC32, 1, -4);
    object = ojt_object(&elf, "near.o");
    ojt_client_init(&client);
    ojt_client_places_far_apart(&client);
    oj_link_options_init(&options);
    options.memory = &client.table;
    options.flags = OJ_LINK_SECTIONS_SINGLY;
    assert_int_equal(oj_link((const oj_object *const *)&object, 1, &options, &linked, &error), OJ_E_RANGE);
    assert_string_equal(error.object, "near.o");
    assert_string_equal(error.section, ".text");
    assert_int_equal(error.offset, 2);
    assert_string_equal(error.relocation, "R_X86_64_PC32");
    assert_string_equal(error.symbol, "variable");
    assert_null(linked);
    assert_int_equal(client.n_live, 0);
    oj_object_destroy(object);
}

/* --- by hand ------------------------------------------------------------------------------------------------------ */

typedef struct by_hand {
    oj_object *object;
    ojt_client client; /* must not be asked */
    oj_link_options options;
    oj_wanted wanted;
    oj_plan *plan;
    oj_segment segments[8];
    uint8_t *buffers[8];
    size_t n;
    oj_error error;
    oj_code *code;
} by_hand;

static void begin(by_hand *link, uint64_t base)
{
    memset(link, 0, sizeof *link);
    link->object = two_sections_object();
    ojt_client_init_full(&link->client);
    oj_link_options_init(&link->options);
    link->options.memory = &link->client.table;
    link->wanted.name = "f";
    link->options.wanted = &link->wanted;
    link->options.n_wanted = 1;
    assert_int_equal(
        oj_plan_create(&link->plan, (const oj_object *const *)&link->object, 1, &link->options, &link->error), OJ_OK);
    link->n = oj_plan_segment_count(link->plan);
    assert_true(link->n <= OJI_COUNT(link->segments));
    for (size_t i = 0; i < link->n; i++) {
        assert_int_equal(oj_plan_segment(link->plan, i, &link->segments[i], sizeof link->segments[i]), OJ_OK);
        link->buffers[i] = aligned_alloc(64, (link->segments[i].size + 63) & ~(size_t)63);
        assert_non_null(link->buffers[i]);
        link->segments[i].write = link->buffers[i];
        link->segments[i].run_addr = base + i * 0x100000;
    }
}

static void end(by_hand *link)
{
    oj_code_destroy(link->code);
    oj_plan_destroy(link->plan);
    oj_object_destroy(link->object);
    for (size_t i = 0; i < link->n; i++)
        free(link->buffers[i]);
    assert_string_equal(link->client.log, "");
}

static void by_hand_writes_for_addresses_of_another_process(void **state)
{
    static const uint64_t bases[] = {0x10000, 0x7f0000000000, 0xffff900000000000};
    (void)state;
    ojt_only_on(EM_X86_64, "follows branches of x86-64");
    for (size_t b = 0; b < OJI_COUNT(bases); b++) {
        by_hand link;
        uint8_t first[64];
        uint32_t displacement;
        begin(&link, bases[b]);
        assert_int_equal(oj_plan_write(link.plan, link.segments, link.n, &link.code, &link.error), OJ_OK);
        assert_int_equal(link.segments[0].kind, OJ_SEGMENT_CODE);
        assert_int_equal(oj_code_lookup_addr(link.code, "f"), bases[b]);
        assert_int_equal(link.wanted.addr, bases[b]);
        if (!OJT_STRESS) {
            /* call inner: from offset 9 to offset 16 of the code */
            displacement = oji_load32(link.buffers[0] + OJT_CALL_FIELD);
            assert_int_equal(displacement, 16 - 9);
        }
        /* again, elsewhere: the same plan, other bytes */
        memcpy(first, link.buffers[0], 26);
        oj_code_destroy(link.code);
        link.segments[1].run_addr += 0x2000;
        assert_int_equal(oj_plan_write(link.plan, link.segments, link.n, &link.code, &link.error), OJ_OK);
        assert_int_not_equal(memcmp(first, link.buffers[0], 26), 0);
        end(&link);
    }
}

static void by_hand_destroy_leaves_the_memory_alone(void **state)
{
    by_hand link;
    uint8_t before[32];
    (void)state;
    begin(&link, 0x10000);
    assert_int_equal(oj_plan_write(link.plan, link.segments, link.n, &link.code, &link.error), OJ_OK);
    memcpy(before, link.buffers[0], 26);
    oj_code_destroy(link.code);
    link.code = NULL;
    assert_memory_equal(before, link.buffers[0], 26);
    end(&link);
}

static void by_hand_unusable_addresses_rejected(void **state)
{
    by_hand link;
    (void)state;
    for (int what = 0; what < (sizeof(void *) < 8 ? 5 : 6); what++) { /* all is in reach of 32 bits */
        begin(&link, 0x10000);
        if (what == 0)
            link.segments[0].write = NULL;
        else if (what == 1)
            link.segments[0].run_addr += 1;
        else if (what == 2)
            link.segments[1].run_addr = link.segments[0].run_addr;
        else if (what == 3)
            link.segments[1].write = link.segments[0].write;
        else if (what == 4)
            link.segments[1].run_addr = UINT64_MAX & ~(uint64_t)63;
        else
            link.segments[1].run_addr = link.segments[0].run_addr + (UINT64_C(1) << 31);
        link.code = (oj_code *)&link;
        if (oj_plan_write(link.plan, link.segments, link.n, &link.code, &link.error) != OJ_E_PLACEMENT)
            fail_msg("case %d: %s", what, oj_status_name(link.error.status));
        assert_null(link.code);
        assert_int_equal(link.error.status, OJ_E_PLACEMENT);
        assert_int_equal(link.wanted.addr, 0);
        end(&link);
    }
}

static void by_hand_misuse_rejected(void **state)
{
    by_hand link;
    (void)state;
    begin(&link, 0x10000);
    link.code = (oj_code *)&link;
    assert_int_equal(oj_plan_write(link.plan, link.segments, link.n - 1, &link.code, &link.error), OJ_E_MISUSE);
    assert_null(link.code);
    assert_int_equal(oj_plan_write(link.plan, link.segments, link.n + 1, &link.code, &link.error), OJ_E_MISUSE);
    link.segments[0].size += 1;
    assert_int_equal(oj_plan_write(link.plan, link.segments, link.n, &link.code, &link.error), OJ_E_MISUSE);
    assert_non_null(strstr(link.error.text, "segments[0] is not segment 0 of the plan"));
    link.segments[0].size = 0;
    link.segments[0].kind = OJ_SEGMENT_DATA;
    assert_int_equal(oj_plan_write(link.plan, link.segments, link.n, &link.code, &link.error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_write(link.plan, NULL, link.n, &link.code, &link.error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_write(NULL, link.segments, link.n, &link.code, &link.error), OJ_E_MISUSE);
    assert_int_equal(oj_plan_write(link.plan, link.segments, link.n, NULL, &link.error), OJ_E_MISUSE);
    end(&link);
}

static void by_hand_code_cannot_be_given_back_to_a_provider(void **state)
{
    by_hand link;
    oj_segment segments[8];
    oj_taken taken;
    oj_error error = {0};
    oj_status status;
    (void)state;
    begin(&link, 0x10000);
    assert_int_equal(oj_plan_write(link.plan, link.segments, link.n, &link.code, &link.error), OJ_OK);
    oj_taken_init(&taken);
    taken.segments = segments;
    taken.n_segments = 8;
    status = oj_code_take_over(link.code, &taken, &error);
    if (status == OJ_OK) {
        link.code = NULL;
        assert_int_equal(taken.n_segments, link.n);
        assert_null(taken.memory);
    } else {
        assert_int_equal(status, OJ_E_MISUSE);
    }
    end(&link);
}

/* Unwind tables that load from the GOT, which no compiler writes, and that are left out: so are their entries. */
static void singly_entries_of_sections_left_out_are_too(void **state)
{
    enum { N = 60, GUARD = N * 8 };
    static const uint8_t code[8] = {0xc3}, unwind[N * 4] = {0};
    _Alignas(16) uint8_t buffer[sizeof code + GUARD];
    uint8_t untouched[GUARD];
    oj_link_options options;
    oj_link_stats stats;
    oj_segment segment;
    oj_object *object;
    oj_plan *plan;
    oj_code *written;
    oj_error error;
    uint32_t symbol;
    uint16_t section;
    ojt_elf elf;
    (void)state;
    ojt_elf_init(&elf);
    elf.machine = EM_X86_64;
    section = ojt_elf_add_code(&elf, code, sizeof code);
    symbol = ojt_elf_add_global(&elf, "f", section, 0, 1);
    section = ojt_elf_add_section(&elf, ".eh_frame", SHF_ALLOC, 8, unwind, sizeof unwind);
    for (uint64_t i = 0; i < N; i++)
        ojt_elf_add_reloc(&elf, section, i * 4, R_X86_64_GOTPCREL, symbol, -4);
    object = ojt_object(&elf, "unwind.o");
    oj_link_options_init(&options);
    options.flags = OJ_LINK_SECTIONS_SINGLY | OJ_LINK_NO_UNWIND;
    options.stats = &stats;
    options.stats_size = sizeof stats;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_int_equal(oj_plan_segment_count(plan), 1);
    assert_int_equal(oj_plan_segment(plan, 0, &segment, sizeof segment), OJ_OK);
    assert_int_equal(segment.size, sizeof code);
    memset(buffer, 0xee, sizeof buffer);
    memset(untouched, 0xee, sizeof untouched);
    segment.write = buffer;
    segment.run_addr = 0x10000;
    assert_int_equal(oj_plan_write(plan, &segment, 1, &written, &error), OJ_OK);
    assert_int_equal(stats.n_got_entries, 0);
    assert_memory_equal(buffer + sizeof code, untouched, GUARD);
    oj_code_destroy(written);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

/* What counts from the GOT's start, in one way of each architecture. */
typedef struct got_case {
    uint16_t machine;
    uint32_t start;    /* GOT - P, or GOT */
    bool is_relative;  /* the former */
    uint32_t absolute; /* S */
    uint32_t load;     /* makes the section have an entry */
    uint32_t offset;   /* S - GOT */
    size_t size;       /* bytes of start, absolute and offset */
} got_case;

static uint64_t load_word(const uint8_t *where, size_t size)
{
    return size == 4 ? oji_load32(where) : oji_load64(where);
}

static const uint8_t *written(const oj_segment *segments, size_t n, const char *section, uint64_t *run_addr)
{
    for (size_t i = 0; i < n; i++)
        if (segments[i].section && strcmp(segments[i].section, section) == 0) {
            *run_addr = segments[i].run_addr;
            return segments[i].write;
        }
    fail_msg("%s is not placed", section);
    return NULL;
}

static void check_got_case(const got_case *test)
{
    static const uint8_t none[32];
    static const char name[] = "_GLOBAL_OFFSET_TABLE_";
    _Alignas(64) uint8_t buffers[4][64];
    oj_segment segments[4];
    oj_link_options options;
    oj_definition far = {"far", 0x7000};
    oj_resolver resolver = oj_resolver_table(&far, 1);
    oj_object *object;
    oj_plan *plan;
    oj_code *code;
    oj_error error;
    const uint8_t *hot_bytes, *cold_bytes;
    uint64_t hot_addr = 0, cold_addr = 0, datum_addr = 0, found;
    uint64_t mask = test->size == 4 ? UINT32_MAX : UINT64_MAX;
    uint16_t hot, cold, data;
    uint32_t datum, start;
    ojt_elf elf;
    ojt_elf_init(&elf);
    elf.machine = test->machine;
    ojt_elf_add_section(&elf, ".text.first", SHF_ALLOC | SHF_EXECINSTR, 16, none, sizeof none);
    hot = ojt_elf_add_section(&elf, ".text.hot", SHF_ALLOC | SHF_EXECINSTR, 16, none, sizeof none);
    cold = ojt_elf_add_section(&elf, ".text.cold", SHF_ALLOC | SHF_EXECINSTR, 16, none, sizeof none);
    data = ojt_elf_add_section(&elf, ".data", SHF_ALLOC | SHF_WRITE, 16, none, sizeof none);
    datum = ojt_elf_add_global(&elf, "datum", data, 0, 4);
    start = ojt_elf_add_undefined(&elf, name);
    ojt_elf_add_reloc(&elf, hot, 0, test->start, start, 0);
    ojt_elf_add_reloc(&elf, hot, 8, test->absolute, start, 0);
    ojt_elf_add_reloc(&elf, hot, 16, test->load, ojt_elf_add_undefined(&elf, "far"), 0);
    ojt_elf_add_reloc(&elf, cold, 0, test->offset, datum, 0);
    object = ojt_object(&elf, "split.o");
    oj_link_options_init(&options);
    options.flags = OJ_LINK_SECTIONS_SINGLY;
    options.resolvers = &resolver;
    options.n_resolvers = 1;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&object, 1, &options, &error), OJ_OK);
    assert_int_equal(oj_plan_segment_count(plan), OJI_COUNT(segments));
    for (size_t i = 0; i < OJI_COUNT(segments); i++) {
        assert_int_equal(oj_plan_segment(plan, i, &segments[i], sizeof segments[i]), OJ_OK);
        assert_true(segments[i].size <= sizeof buffers[i]);
        segments[i].write = buffers[i];
        segments[i].run_addr = 0x10000 * (i + 1);
    }
    assert_int_equal(oj_plan_write(plan, segments, OJI_COUNT(segments), &code, &error), OJ_OK);
    hot_bytes = written(segments, OJI_COUNT(segments), ".text.hot", &hot_addr);
    cold_bytes = written(segments, OJI_COUNT(segments), ".text.cold", &cold_addr);
    written(segments, OJI_COUNT(segments), ".data", &datum_addr);
    found = (load_word(hot_bytes, test->size) + (test->is_relative ? hot_addr : 0)) & mask;
    assert_int_equal(found, load_word(hot_bytes + 8, test->size));
    assert_int_equal((found + load_word(cold_bytes, test->size)) & mask, datum_addr);
    oj_code_destroy(code);
    oj_plan_destroy(plan);
    oj_object_destroy(object);
}

/* Compilers split a function: its cold part, of another section, uses the GOT's start that the hot one has found. */
static void singly_got_starts_at_one_place(void **state)
{
    static const got_case cases[] = {
        {EM_386, R_386_GOTPC, true, R_386_32, R_386_GOT32, R_386_GOTOFF, 4},
        {EM_ARM, R_ARM_GOTPC, true, R_ARM_ABS32, R_ARM_GOT32, R_ARM_GOTOFF, 4},
        {EM_X86_64, R_X86_64_GOTPC64, true, R_X86_64_64, R_X86_64_GOT64, R_X86_64_GOTOFF64, 8},
        {EM_AARCH64, R_AARCH64_ABS64, false, R_AARCH64_ABS64, R_AARCH64_ADR_GOT_PAGE, R_AARCH64_GOTREL64, 8}};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(cases); i++)
        check_got_case(&cases[i]);
}

OJT_MAIN(cmocka_unit_test(singly_sections_far_apart_run), cmocka_unit_test(singly_got_starts_at_one_place),
         cmocka_unit_test(singly_entries_of_sections_left_out_are_too), cmocka_unit_test(singly_segments_are_named),
         cmocka_unit_test(singly_direct_reference_too_far_rejected),
         cmocka_unit_test(by_hand_writes_for_addresses_of_another_process),
         cmocka_unit_test(by_hand_destroy_leaves_the_memory_alone),
         cmocka_unit_test(by_hand_unusable_addresses_rejected), cmocka_unit_test(by_hand_misuse_rejected),
         cmocka_unit_test(by_hand_code_cannot_be_given_back_to_a_provider))
