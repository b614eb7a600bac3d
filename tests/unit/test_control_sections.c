/* Sections placed singly: what a section needs to reach others lies beside it, wherever the sections are put. Links are
 * written by hand for random addresses of the whole address space, and every call is followed through its bytes. */
#include "link/linktest.h"

enum { N_SECTIONS = 10, N_ROUNDS = 300 };

static char function_names[N_SECTIONS][16], section_names[N_SECTIONS][24];

/* function_N, in a section of its own, calls function_N+1 (the last one the first), and an external. */
static oj_object *ring_object(void)
{
    static uint8_t code[2 * sizeof ojt_calling_code];
    uint32_t symbols[N_SECTIONS], external;
    uint16_t sections[N_SECTIONS];
    ojt_elf elf;
    memcpy(code, ojt_calling_code, sizeof ojt_calling_code);
    memcpy(code + sizeof ojt_calling_code, ojt_calling_code, sizeof ojt_calling_code);
    ojt_elf_init(&elf);
    for (uint32_t i = 0; i < N_SECTIONS; i++) {
        snprintf(function_names[i], sizeof function_names[i], "function_%u", i);
        snprintf(section_names[i], sizeof section_names[i], ".text.%u", i);
        sections[i] = ojt_elf_add_section(&elf, section_names[i], SHF_ALLOC | SHF_EXECINSTR, 16, code, sizeof code);
        symbols[i] = ojt_elf_add_global(&elf, function_names[i], sections[i], 0, sizeof code);
    }
    external = ojt_elf_add_undefined(&elf, "external");
    for (uint32_t i = 0; i < N_SECTIONS; i++) {
        ojt_elf_add_call(&elf, sections[i], 0, symbols[(i + 1) % N_SECTIONS]);
        ojt_elf_add_call(&elf, sections[i], sizeof ojt_calling_code, external);
    }
    return ojt_object(&elf, "ring.o");
}

typedef struct job {
    oj_object *object;
    oj_definition external;
    oj_resolver resolvers[2];
    oj_plan *plan;
    oj_segment segments[N_SECTIONS];
    _Alignas(16) uint8_t bytes[N_SECTIONS][256];
} job;

static void begin(job *link)
{
    oj_link_options options;
    oj_error error = {0};
    memset(link, 0, sizeof *link);
    link->object = ring_object();
    link->external = (oj_definition){"external", UINT64_C(0x123456789abc)};
    link->resolvers[0] = oj_resolver_objects();
    link->resolvers[1] = oj_resolver_table(&link->external, 1);
    oj_link_options_init(&options);
    options.flags = OJ_LINK_SECTIONS_SINGLY;
    options.resolvers = link->resolvers;
    options.n_resolvers = 2;
    assert_int_equal(oj_plan_create(&link->plan, (const oj_object *const *)&link->object, 1, &options, &error), OJ_OK);
    assert_int_equal(oj_plan_segment_count(link->plan), N_SECTIONS);
}

static void end(job *link)
{
    oj_plan_destroy(link->plan);
    oj_object_destroy(link->object);
}

static void control_sections_stubs_and_got_lie_beside_their_code(void **state)
{
    int n_stubs = 0, n_got = 0, n_code = 0;
    job link;
    (void)state;
    ojt_needs_64_bits("every call of 32 bits is in reach, and has no stub");
    begin(&link);
    for (size_t i = 0; i < oj_plan_range_count(link.plan); i++) {
        oj_range_info range;
        oj_segment segment;
        assert_int_equal(oj_plan_range(link.plan, i, &range, sizeof range), OJ_OK);
        assert_int_equal(oj_plan_segment(link.plan, range.segment, &segment, sizeof segment), OJ_OK);
        assert_int_equal(segment.kind, OJ_SEGMENT_CODE);
        n_code += range.kind == OJ_RANGE_SECTION;
        n_stubs += range.kind == OJ_RANGE_STUBS;
        n_got += range.kind == OJ_RANGE_GOT;
        if (range.kind == OJ_RANGE_SECTION)
            assert_string_equal(range.section, segment.section);
    }
    assert_int_equal(n_code, N_SECTIONS);
    assert_int_equal(n_stubs, N_SECTIONS);
    assert_int_equal(n_got, N_SECTIONS);
    end(&link);
}

/* Where a call in segment `i` ends up: directly, or through a stub (jmp *entry(%rip)) of the same segment. */
static uint64_t follow_call(const job *link, size_t i, size_t field)
{
    const oj_segment *segment = &link->segments[i];
    const uint8_t *bytes = link->bytes[i];
    uint64_t run = segment->run_addr, target = run + field + 4 + (uint64_t)(int64_t)(int32_t)oji_load32(bytes + field);
    uint64_t stub = target - run, entry;
    if (stub >= segment->size || stub == 0)
        return target;
    assert_true(stub >= 2 * sizeof ojt_calling_code && stub + 6 <= segment->size);
    assert_int_equal(bytes[stub], 0xff);
    assert_int_equal(bytes[stub + 1], 0x25);
    entry = stub + 6 + (uint64_t)(int64_t)(int32_t)oji_load32(bytes + stub + 2);
    assert_true(entry + 8 <= segment->size);
    return oji_load64(bytes + entry);
}

/* A step of xorshift64. */
static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Addresses of the whole address space; some next to one another, so that there are direct calls as well. */
static void choose(job *link, uint64_t *seed)
{
    uint64_t base = next_random(seed) & ~UINT64_C(0xffff);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        bool is_near = next_random(seed) % 3 == 0;
        uint64_t addr = is_near ? base + i * 0x1000 : (next_random(seed) & ~UINT64_C(0xfffff)) + i * 0x10000;
        assert_int_equal(oj_plan_segment(link->plan, i, &link->segments[i], sizeof link->segments[i]), OJ_OK);
        assert_true(link->segments[i].size <= sizeof link->bytes[i]);
        link->segments[i].write = link->bytes[i];
        link->segments[i].run_addr = addr;
    }
}

static void control_sections_reach_each_other_from_anywhere(void **state)
{
    uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
    size_t n_direct = 0, n_stubs = 0;
    job link;
    (void)state;
    ojt_only_on(EM_X86_64, "follows branches of x86-64");
    begin(&link);
    for (int round = 0; round < N_ROUNDS; round++) {
        oj_error error = {0};
        oj_code *code;
        choose(&link, &seed);
        if (oj_plan_write(link.plan, link.segments, N_SECTIONS, &code, &error) != OJ_OK)
            fail_msg("round %d: %s", round, error.text);
        for (size_t i = 0; i < N_SECTIONS; i++) {
            uint64_t callee = link.segments[(i + 1) % N_SECTIONS].run_addr;
            uint64_t field = link.segments[i].run_addr + OJT_CALL_FIELD + 4;
            bool is_near = (int64_t)(callee - field) == (int32_t)(callee - field);
            assert_int_equal(oj_code_lookup_addr(code, function_names[i]), link.segments[i].run_addr);
            assert_int_equal(follow_call(&link, i, OJT_CALL_FIELD), callee);
            assert_int_equal(follow_call(&link, i, OJT_CALL_FIELD + sizeof ojt_calling_code), link.external.addr);
            n_direct += is_near;
            n_stubs += !is_near;
        }
        oj_code_destroy(code);
    }
    assert_true(n_direct > 100 && n_stubs > 100);
    end(&link);
}

OJT_MAIN(cmocka_unit_test(control_sections_stubs_and_got_lie_beside_their_code),
         cmocka_unit_test(control_sections_reach_each_other_from_anywhere))
