/* Bad clients, beyond single answers that cannot be used: answers that are partly or wholly nothing, statuses that are
 * none, two failures at once, no release(), names written over, sizes and addresses near 2^64. Each gives a status with
 * a text, and what place() gave is given back exactly once. */
#include "link/linktest.h"

/* f() calls g() in a section of its own; a variable, a constant and 24 bytes of zeroes. */
static oj_object *sections_object(void)
{
    static const uint8_t data[8] = {7}, rodata[8] = {8};
    static uint8_t code[OJT_RETURN_SIZE];
    ojt_elf elf;
    uint16_t first, second;
    uint32_t g;
    ojt_elf_init(&elf);
    first =
        ojt_elf_add_section(&elf, ".text.f", SHF_ALLOC | SHF_EXECINSTR, 16, ojt_calling_code, sizeof ojt_calling_code);
    second =
        ojt_elf_add_section(&elf, ".text.g", SHF_ALLOC | SHF_EXECINSTR, 16, ojt_return_code(code, 40), OJT_RETURN_SIZE);
    ojt_elf_add_section(&elf, ".rodata", SHF_ALLOC, 8, rodata, sizeof rodata);
    ojt_elf_add_data(&elf, data, sizeof data);
    ojt_elf_add_section(&elf, ".bss", SHF_ALLOC | SHF_WRITE, 8, NULL, 24);
    ojt_elf_add_global(&elf, "f", first, 0, sizeof ojt_calling_code);
    g = ojt_elf_add_global(&elf, "g", second, 0, OJT_RETURN_SIZE);
    ojt_elf_add_call(&elf, first, 0, g);
    return ojt_object(&elf, "sections.o");
}

typedef struct job {
    oj_object *object;
    ojt_client client;
    ojt_heap heap;
    oj_link_options options;
    oj_error error;
    oj_code *code;
} job;

static void begin(job *link, uint32_t flags)
{
    memset(link, 0, sizeof *link);
    link->object = sections_object();
    ojt_client_init_full(&link->client);
    ojt_heap_init(&link->heap);
    oj_link_options_init(&link->options);
    link->options.flags = flags;
    link->options.memory = &link->client.table;
    link->options.allocator = &link->heap.table;
}

static oj_status run(job *link)
{
    link->code = (oj_code *)link;
    memset(&link->error, 'x', sizeof link->error);
    return oj_link((const oj_object *const *)&link->object, 1, &link->options, &link->code, &link->error);
}

static void end(job *link)
{
    oj_object_destroy(link->object);
    assert_int_equal(link->client.n_live, 0);
    assert_int_equal(link->heap.n_live, 0);
}

static size_t count_letter(const ojt_client *client, char letter)
{
    size_t n = 0;
    for (const char *at = client->log; *at; at++)
        n += *at == letter;
    return n;
}

/* The link failed so, said something, and gave back what it had been given. */
static void expect_refused(job *link, oj_status status, const char *words)
{
    if (run(link) != status || link->error.status != status)
        fail_msg("status %d, not %d: %s", link->error.status, status, link->error.text);
    assert_null(link->code);
    if (!strstr(link->error.text, words))
        fail_msg("'%s' does not say '%s'", link->error.text, words);
    assert_int_equal(count_letter(&link->client, 'p'), 1);
    assert_int_equal(count_letter(&link->client, 'r'), link->client.fail == 'p' ? 0 : 1);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void answer_nothing(oj_placement *placement)
{
    for (size_t i = 0; i < placement->n_segments; i++) {
        placement->segments[i].write = NULL;
        placement->segments[i].run_addr = 0;
    }
}

static void answer_one_memory_for_all(oj_placement *placement)
{
    for (size_t i = 1; i < placement->n_segments; i++) {
        placement->segments[i].write = placement->segments[0].write;
        placement->segments[i].run_addr = placement->segments[0].run_addr;
    }
}

static void answer_last_only_twice(oj_placement *placement)
{
    oj_segment *last = &placement->segments[placement->n_segments - 1];
    last->write = last[-1].write;
    last->run_addr = last[-1].run_addr;
}

/* Every address fits on its own, and a sum of address and size would not. */
static void answer_top_of_address_space(oj_placement *placement)
{
    for (size_t i = 0; i < placement->n_segments; i++) {
        oj_segment *segment = &placement->segments[i];
        segment->run_addr = -segment->alignment;
    }
}

static void answer_both_ends_of_address_space(oj_placement *placement)
{
    placement->segments[0].run_addr = UINT64_MAX & ~UINT64_C(0xffff);
    placement->segments[1].run_addr = 0x10000;
}

static void control_answers_rejected_in_either_layout(void **state)
{
    static void (*const answers[])(oj_placement *) = {answer_nothing, answer_one_memory_for_all, answer_last_only_twice,
                                                      answer_top_of_address_space};
    static const uint32_t layouts[] = {0, OJ_LINK_SECTIONS_SINGLY};
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(answers); i++)
        for (size_t k = 0; k < OJI_COUNT(layouts); k++) {
            job link;
            begin(&link, layouts[k]);
            link.client.mangle = answers[i];
            expect_refused(&link, OJ_E_PLACEMENT, "the placement gives");
            assert_string_equal(link.client.log, "pr");
            end(&link);
        }
}

static void control_span_is_not_computed_modulo_2_64(void **state)
{
    job link;
    (void)state;
    begin(&link, 0);
    link.client.mangle = answer_both_ends_of_address_space;
    expect_refused(&link, OJ_E_PLACEMENT, "bytes apart");
    end(&link);
}

/* Where sections lie anywhere, one that is refused is named. */
static void misalign_second(oj_placement *placement) { placement->segments[1].run_addr += 1; }

static void control_refused_section_is_named(void **state)
{
    job link;
    (void)state;
    begin(&link, OJ_LINK_SECTIONS_SINGLY);
    link.client.mangle = misalign_second;
    expect_refused(&link, OJ_E_PLACEMENT, ".text.g");
    assert_string_equal(link.error.section, ".text.g");
    assert_string_equal(link.error.object, "sections.o");
    end(&link);
}

/* Names are lent to place(), not given: what it makes of them is not read. */
static void write_over_names(oj_placement *placement)
{
    for (size_t i = 0; i < placement->n_segments; i++) {
        placement->segments[i].object = (const char *)1;
        placement->segments[i].section = (const char *)2;
    }
}

static void write_over_names_and_answer_nothing(oj_placement *placement)
{
    write_over_names(placement);
    answer_nothing(placement);
}

static void change_lifetime(oj_placement *placement) { placement->segments[0].lifetime = 77; }

static void expect_named_segments(const oj_plan *plan)
{
    for (size_t i = 0; i < oj_plan_segment_count(plan); i++) {
        oj_segment segment;
        assert_int_equal(oj_plan_segment(plan, i, &segment, sizeof segment), OJ_OK);
        assert_string_equal(segment.object, "sections.o");
        assert_int_equal(segment.section[0], '.');
        assert_in_range(segment.size, 1, 64);
        assert_int_equal(segment.lifetime, OJ_SEGMENT_KEPT);
    }
}

static oj_status place_spoil_and_fail(void *context, oj_placement *placement, oj_error *error)
{
    ojt_client_log(context, 'p', error);
    write_over_names(placement);
    placement->segments[0].size = UINT64_MAX;
    return OJ_E_NOMEM;
}

/* A place() that fails after it has spoiled its request has spoiled nothing of the plan's. */
static void control_failed_place_leaves_the_plan_as_it_was(void **state)
{
    oj_plan *plan;
    job link;
    (void)state;
    begin(&link, OJ_LINK_SECTIONS_SINGLY);
    link.client.table.place = place_spoil_and_fail;
    link.client.table.protect = NULL;
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&link.object, 1, &link.options, &link.error),
                     OJ_OK);
    assert_int_equal(oj_plan_link(plan, &link.code, &link.error), OJ_E_NOMEM);
    assert_string_equal(link.client.log, "p");
    expect_named_segments(plan);
    oj_plan_destroy(plan);
    end(&link);
}

static void control_names_written_over_are_not_read(void **state)
{
    static void (*const answers[])(oj_placement *) = {write_over_names, write_over_names_and_answer_nothing,
                                                      change_lifetime};
    oj_plan *plan;
    job link;
    (void)state;
    begin(&link, OJ_LINK_SECTIONS_SINGLY);
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&link.object, 1, &link.options, &link.error),
                     OJ_OK);
    for (size_t i = 0; i < OJI_COUNT(answers); i++) {
        link.client.mangle = answers[i];
        assert_int_equal(oj_plan_link(plan, &link.code, &link.error), OJ_E_PLACEMENT);
        assert_null(link.code);
        assert_true(strlen(link.error.text) > 20);
        expect_named_segments(plan);
    }
    assert_string_equal(link.client.log, "prprpr");
    oj_plan_destroy(plan);
    end(&link);
}

/* --- statuses ----------------------------------------------------------------------------------------------------- */

static void control_unknown_statuses_fail_the_link(void **state)
{
    static const oj_status statuses[] = {-1, 1, 12345, INT32_MAX, INT32_MIN};
    static const char letters[] = "pbefPs";
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(statuses); i++)
        for (const char *letter = letters; *letter; letter++) {
            job link;
            begin(&link, 0);
            link.client.fail = *letter;
            link.client.fail_status = statuses[i];
            expect_refused(&link, OJ_E_CALLBACK, "is no status");
            end(&link);
        }
}

/* A callback that reports success but writes a text has succeeded. */
static oj_status protect_with_words(void *context, const oj_placement *placement, oj_error *error)
{
    error->status = OJ_E_PERMISSION;
    snprintf(error->text, sizeof error->text, "all is well");
    return ojt_client_protect(context, placement, NULL);
}

static void control_text_without_failure_is_success(void **state)
{
    job link;
    (void)state;
    begin(&link, 0);
    link.client.table.protect = protect_with_words;
    assert_int_equal(run(&link), OJ_OK);
    assert_int_equal(link.error.status, OJ_OK);
    assert_string_equal(link.error.text, "");
    oj_code_destroy(link.code);
    end(&link);
}

/* --- two failures, and none to take back -------------------------------------------------------------------------- */

/* The relocation does not fit, and write_end fails too: what came first is told. */
static void control_first_of_two_failures_is_told(void **state)
{
    static const uint8_t zero = 0;
    const oj_definition far = {"far", 0x1234};
    const oj_resolver resolvers[] = {oj_resolver_objects(), oj_resolver_table(&far, 1)};
    ojt_elf elf;
    uint16_t data;
    job link;
    (void)state;
    begin(&link, 0);
    oj_object_destroy(link.object);
    ojt_elf_init(&elf);
    elf.machine = EM_X86_64;
    data = ojt_elf_add_data(&elf, &zero, 1);
    ojt_elf_add_reloc(&elf, data, 0, R_X86_64_8, ojt_elf_add_undefined(&elf, "far"), 0);
    link.object = ojt_object(&elf, "narrow.o");
    link.options.resolvers = resolvers;
    link.options.n_resolvers = 2;
    link.client.fail = 'e';
    link.client.fail_status = OJ_E_SYSTEM;
    link.client.fail_text = "and this as well";
    expect_refused(&link, OJ_E_RANGE, "far");
    assert_string_equal(link.error.relocation, "R_X86_64_8");
    assert_string_equal(link.client.log, "pber");
    end(&link);
}

/* The second of two flushes fails: two ranges of code, one placement. */
static int flushes_left;
static oj_status flush_until(void *context, void *write, uint64_t run_addr, uint64_t size, oj_error *error)
{
    oj_status status = ojt_client_flush(context, write, run_addr, size, error);
    return flushes_left-- > 0 ? status : OJ_E_SYSTEM;
}

static void control_later_flush_fails(void **state)
{
    (void)state;
    for (int n = 0; n < 2; n++) {
        job link;
        begin(&link, OJ_LINK_SECTIONS_SINGLY);
        link.client.table.flush = flush_until;
        flushes_left = n;
        expect_refused(&link, OJ_E_SYSTEM, "oj_memory.flush");
        assert_int_equal(link.client.n_flushes, n + 1);
        assert_string_equal(link.client.log, n == 0 ? "pbefr" : "pbeffr");
        end(&link);
    }
}

/* Without release() the memory of a link that fails is the client's again, untold. */
static void control_failures_without_release(void **state)
{
    static const char letters[] = "befPs";
    (void)state;
    for (const char *letter = letters; *letter; letter++) {
        job link;
        begin(&link, 0);
        link.client.table.release = NULL;
        link.client.fail = *letter;
        link.client.fail_status = OJ_E_CALLBACK;
        assert_int_equal(run(&link), OJ_E_CALLBACK);
        assert_null(link.code);
        assert_int_equal(count_letter(&link.client, 'r'), 0);
        assert_int_equal(munmap(link.client.base, link.client.base_size), 0);
        free(link.client.last);
        link.client.n_live = 0;
        end(&link);
    }
}

static void control_answer_refused_without_release(void **state)
{
    job link;
    (void)state;
    begin(&link, 0);
    link.client.table.release = NULL;
    link.client.mangle = answer_nothing;
    assert_int_equal(run(&link), OJ_E_PLACEMENT);
    assert_string_equal(link.client.log, "p");
    munmap(link.client.base, link.client.base_size);
    free(link.client.last);
    link.client.n_live = 0;
    end(&link);
}

/* A place() that fails after all has undone its own work, token or no token. */
static oj_status place_token_and_fail(void *context, oj_placement *placement, oj_error *error)
{
    ojt_client_log(context, 'p', error);
    placement->token = context;
    placement->segments[0].write = context;
    return OJ_E_NOMEM;
}

static void control_failed_place_is_not_released(void **state)
{
    job link;
    (void)state;
    begin(&link, 0);
    link.client.table.place = place_token_and_fail;
    assert_int_equal(run(&link), OJ_E_NOMEM);
    assert_null(link.code);
    assert_string_equal(link.client.log, "p");
    end(&link);
}

/* The table is read when the link begins: what a callback makes of it meanwhile is for later links. */
static oj_status place_and_spoil_table(void *context, oj_placement *placement, oj_error *error)
{
    ojt_client *client = context;
    oj_status status = ojt_client_place(context, placement, error);
    client->table.flush = NULL;
    client->table.protect = NULL;
    client->table.release = NULL;
    return status;
}

static void control_table_changed_during_a_link(void **state)
{
    job link;
    (void)state;
    begin(&link, 0);
    link.client.table.place = place_and_spoil_table;
    link.client.fail = 's';
    link.client.fail_status = OJ_E_CALLBACK;
    expect_refused(&link, OJ_E_CALLBACK, "oj_memory.synchronize");
    assert_string_equal(link.client.log, "pbefPsr");
    end(&link);
}

/* --- one plan, many bad answers ----------------------------------------------------------------------------------- */

static void control_plan_survives_every_bad_answer(void **state)
{
    static void (*const answers[])(oj_placement *) = {answer_nothing, answer_one_memory_for_all,
                                                      answer_top_of_address_space, misalign_second};
    static const uint32_t layouts[] = {0, OJ_LINK_SECTIONS_SINGLY};
    (void)state;
    for (size_t k = 0; k < OJI_COUNT(layouts); k++) {
        oj_plan *plan;
        job link;
        begin(&link, layouts[k]);
        link.client.table.protect = NULL;
        assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&link.object, 1, &link.options, &link.error),
                         OJ_OK);
        for (size_t i = 0; i < OJI_COUNT(answers); i++) {
            link.client.mangle = answers[i];
            assert_int_equal(oj_plan_link(plan, &link.code, &link.error), OJ_E_PLACEMENT);
            assert_null(link.code);
            assert_int_equal(link.client.n_live, 0);
            link.client.mangle = NULL;
            assert_int_equal(oj_plan_link(plan, &link.code, &link.error), OJ_OK);
            assert_int_equal(ojt_call(link.code, "f"), 41);
            oj_code_destroy(link.code);
        }
        assert_int_equal(count_letter(&link.client, 'p'), count_letter(&link.client, 'r'));
        oj_plan_destroy(plan);
        end(&link);
    }
}

/* --- addresses near 2^64, by hand --------------------------------------------------------------------------------- */

typedef struct by_hand {
    oj_object *object;
    oj_plan *plan;
    oj_segment segments[3];
    uint8_t *buffers[3];
    uint64_t size; /* bytes that all of them take, one behind another */
} by_hand;

static void plan_by_hand(by_hand *hand)
{
    oj_error error = {0};
    memset(hand, 0, sizeof *hand);
    hand->object = sections_object();
    assert_int_equal(oj_plan_create(&hand->plan, (const oj_object *const *)&hand->object, 1, NULL, &error), OJ_OK);
    assert_int_equal(oj_plan_segment_count(hand->plan), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(oj_plan_segment(hand->plan, i, &hand->segments[i], sizeof hand->segments[i]), OJ_OK);
        hand->buffers[i] = aligned_alloc(64, ((size_t)hand->segments[i].size + 63) & ~(size_t)63);
        assert_non_null(hand->buffers[i]);
        hand->segments[i].write = hand->buffers[i];
        hand->size += (hand->segments[i].size + 63) & ~UINT64_C(63);
    }
}

static void end_by_hand(by_hand *hand)
{
    oj_plan_destroy(hand->plan);
    oj_object_destroy(hand->object);
    for (size_t i = 0; i < 3; i++)
        free(hand->buffers[i]);
}

/* Put all segments one behind another, from `addr` on. */
static void choose(by_hand *hand, uint64_t addr)
{
    for (size_t i = 0; i < 3; i++) {
        hand->segments[i].run_addr = addr;
        addr += (hand->segments[i].size + 63) & ~UINT64_C(63);
    }
}

static void control_by_hand_at_the_end_of_the_address_space(void **state)
{
    by_hand hand;
    oj_error error = {0};
    oj_code *code;
    (void)state;
    ojt_needs_64_bits("its addresses have 64 bits");
    plan_by_hand(&hand);
    /* The last granule stays free: this is as high as it goes. */
    choose(&hand, -hand.size - 64);
    assert_int_equal(oj_plan_write(hand.plan, hand.segments, 3, &code, &error), OJ_OK);
    assert_int_equal(oj_code_lookup_addr(code, "f"), hand.segments[0].run_addr);
    assert_int_equal(oj_code_lookup_addr(code, "g"),
                     hand.segments[0].run_addr + (sizeof ojt_calling_code + 15) / 16 * 16);
    if (!OJT_STRESS && OJT_MACHINE == EM_X86_64)
        assert_int_equal(oji_load32(hand.buffers[0] + OJT_CALL_FIELD), 16 - 9);
    oj_code_destroy(code);
    /* And from here on some of them would be at the other end. */
    for (uint64_t beyond = 64; beyond < hand.size; beyond += 64) {
        choose(&hand, -hand.size + beyond);
        code = (oj_code *)&hand;
        assert_int_equal(oj_plan_write(hand.plan, hand.segments, 3, &code, &error), OJ_E_PLACEMENT);
        assert_null(code);
        assert_non_null(strstr(error.text, "0x"));
    }
    end_by_hand(&hand);
}

static void control_by_hand_absurd_counts(void **state)
{
    static const size_t counts[] = {0, 1, 4, SIZE_MAX, SIZE_MAX / sizeof(oj_segment)};
    by_hand hand;
    oj_error error = {0};
    oj_code *code;
    (void)state;
    plan_by_hand(&hand);
    choose(&hand, 0x10000);
    for (size_t i = 0; i < OJI_COUNT(counts); i++) {
        code = (oj_code *)&hand;
        assert_int_equal(oj_plan_write(hand.plan, hand.segments, counts[i], &code, &error), OJ_E_MISUSE);
        assert_null(code);
    }
    end_by_hand(&hand);
}

/* What a client left in the other fields is not believed; sizes and kinds that are not the plan's mean that the buffers
 * are not for these segments. */
static void control_by_hand_other_fields_are_not_believed(void **state)
{
    by_hand hand;
    oj_segment segment;
    oj_error error = {0};
    oj_code *code;
    (void)state;
    plan_by_hand(&hand);
    choose(&hand, 0x10000);
    for (size_t i = 0; i < 3; i++) {
        segment = hand.segments[i];
        hand.segments[i].size = UINT64_MAX;
        assert_int_equal(oj_plan_write(hand.plan, hand.segments, 3, &code, &error), OJ_E_MISUSE);
        hand.segments[i].size = segment.size;
        hand.segments[i].kind = 77;
        assert_int_equal(oj_plan_write(hand.plan, hand.segments, 3, &code, &error), OJ_E_MISUSE);
        hand.segments[i].kind = segment.kind;
    }
    for (size_t i = 0; i < 3; i++) {
        hand.segments[i].size = i == 1 ? 0 : hand.segments[i].size;
        hand.segments[i].kind = i == 2 ? 0 : hand.segments[i].kind;
        hand.segments[i].alignment = UINT64_MAX;
        hand.segments[i].lifetime = 77;
        hand.segments[i].flags |= 0xfffffffeu;
        hand.segments[i].object = (const char *)1;
        hand.segments[i].section = (const char *)1;
    }
    assert_int_equal(oj_plan_write(hand.plan, hand.segments, 3, &code, &error), OJ_OK);
    assert_int_equal(oj_code_segment(code, 0, &segment, sizeof segment), OJ_OK);
    assert_int_equal(segment.kind, OJ_SEGMENT_CODE);
    assert_int_equal(segment.lifetime, OJ_SEGMENT_KEPT);
    assert_in_range(segment.size, 22, 64);
    oj_code_destroy(code);
    end_by_hand(&hand);
}

OJT_MAIN(
    cmocka_unit_test(control_answers_rejected_in_either_layout),
    cmocka_unit_test(control_span_is_not_computed_modulo_2_64), cmocka_unit_test(control_refused_section_is_named),
    cmocka_unit_test(control_names_written_over_are_not_read), cmocka_unit_test(control_unknown_statuses_fail_the_link),
    cmocka_unit_test(control_text_without_failure_is_success), cmocka_unit_test(control_first_of_two_failures_is_told),
    cmocka_unit_test(control_later_flush_fails), cmocka_unit_test(control_failures_without_release),
    cmocka_unit_test(control_answer_refused_without_release), cmocka_unit_test(control_failed_place_is_not_released),
    cmocka_unit_test(control_failed_place_leaves_the_plan_as_it_was),
    cmocka_unit_test(control_table_changed_during_a_link), cmocka_unit_test(control_plan_survives_every_bad_answer),
    cmocka_unit_test(control_by_hand_at_the_end_of_the_address_space), cmocka_unit_test(control_by_hand_absurd_counts),
    cmocka_unit_test(control_by_hand_other_fields_are_not_believed))
