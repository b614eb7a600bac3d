/* Every argument and option that a client can get wrong, and versions of structs. Each failure has a status and a text,
 * asks for no memory and leaves *out NULL. */
#include "link/linktest.h"

typedef struct job {
    oj_object *object;
    ojt_client client;
    oj_link_options options;
    oj_error error;
    oj_code *code;
} job;

static void begin(job *link)
{
    memset(link, 0, sizeof *link);
    link->object = ojt_object_returning("a.o", "f", 3);
    ojt_client_init(&link->client);
    oj_link_options_init(&link->options);
    link->options.memory = &link->client.table;
}

static void end(job *link)
{
    oj_object_destroy(link->object);
    assert_int_equal(link->client.n_live, 0);
}

/* oj_link, oj_plan_create and oj_link_bytes must all say the same. */
static void expect(job *link, const oj_link_options *options, oj_status expected, const char *text)
{
    oj_plan *plan = (oj_plan *)link;
    link->code = (oj_code *)link;
    memset(&link->error, 0xff, sizeof link->error);
    assert_int_equal(oj_link((const oj_object *const *)&link->object, 1, options, &link->code, &link->error), expected);
    assert_null(link->code);
    assert_int_equal(link->error.status, expected);
    if (!strstr(link->error.text, text))
        fail_msg("'%s' does not mention '%s'", link->error.text, text);
    assert_string_equal(link->error.section, "");
    assert_int_equal(link->error.offset, UINT64_MAX);
    assert_int_equal(oj_plan_create(&plan, (const oj_object *const *)&link->object, 1, options, &link->error),
                     expected);
    assert_null(plan);
    assert_int_equal(oj_link((const oj_object *const *)&link->object, 1, options, &link->code, NULL), expected);
    assert_string_equal(link->client.log, "");
}

static void expect_options(job *link, oj_status expected, const char *text)
{
    expect(link, &link->options, expected, text);
}

static void options_arguments_null_rejected(void **state)
{
    job link;
    oj_code *code = (oj_code *)&link;
    const oj_object *objects[2];
    (void)state;
    begin(&link);
    objects[0] = link.object;
    objects[1] = NULL;
    assert_int_equal(oj_link(objects, 1, &link.options, NULL, &link.error), OJ_E_MISUSE);
    assert_non_null(strstr(link.error.text, "out"));
    assert_int_equal(oj_link(NULL, 1, &link.options, &code, &link.error), OJ_E_MISUSE);
    assert_null(code);
    assert_int_equal(oj_link(objects, 0, &link.options, &code, &link.error), OJ_E_MISUSE);
    assert_int_equal(oj_link(objects, 2, &link.options, &code, &link.error), OJ_E_MISUSE);
    assert_non_null(strstr(link.error.text, "objects[1]"));
    assert_int_equal(oj_link_bytes("", 0, &link.options, NULL, &link.error), OJ_E_MISUSE);
    code = (oj_code *)&link;
    assert_true(oj_link_bytes(NULL, 0, &link.options, &code, &link.error) != OJ_OK);
    assert_null(code);
    code = (oj_code *)&link;
    assert_int_equal(oj_link_bytes("not an object", 13, &link.options, &code, &link.error), OJ_E_FORMAT);
    assert_null(code);
    end(&link);
}

static void options_struct_size_too_small_rejected(void **state)
{
    job link;
    (void)state;
    begin(&link);
    for (uint32_t size = 0; size < sizeof link.options; size += 7) {
        link.options.struct_size = size;
        expect_options(&link, OJ_E_MISUSE, "oj_link_options.struct_size");
    }
    end(&link);
}

typedef struct longer_options {
    oj_link_options known;
    uint8_t more[24];
} longer_options;

static void options_longer_struct_needs_zero_tail(void **state)
{
    job link;
    longer_options longer;
    (void)state;
    begin(&link);
    memset(&longer, 0, sizeof longer);
    longer.known = link.options;
    longer.known.struct_size = sizeof longer;
    link.code = ojt_link(&link.object, 1, &longer.known);
    assert_int_equal(ojt_call(link.code, "f"), 3);
    oj_code_destroy(link.code);
    memset(link.client.log, 0, sizeof link.client.log);
    for (size_t i = 0; i < sizeof longer.more; i++) {
        longer.more[i] = 1;
        expect(&link, &longer.known, OJ_E_VERSION, "oj_link_options");
        longer.more[i] = 0;
    }
    end(&link);
}

static void options_unknown_flags_rejected(void **state)
{
    job link;
    (void)state;
    begin(&link);
    for (int bit = 14; bit < 32; bit++) {
        link.options.flags = 1u << bit;
        expect_options(&link, OJ_E_VERSION, "flags");
    }
    end(&link);
}

static void options_contradicting_flags_rejected(void **state)
{
    job link;
    (void)state;
    begin(&link);
    link.options.flags = OJ_LINK_KEEP_NO_SYMBOLS | OJ_LINK_KEEP_LOCAL_SYMBOLS;
    expect_options(&link, OJ_E_MISUSE, "flags");
    link.options.flags = OJ_LINK_NO_UNWIND | OJ_LINK_KEEP_UNWIND;
    expect_options(&link, OJ_E_MISUSE, "OJ_LINK_KEEP_UNWIND");
    link.options.flags = OJ_LINK_NO_UNWIND | OJ_LINK_UNWIND_BY_CLIENT;
    expect_options(&link, OJ_E_MISUSE, "OJ_LINK_UNWIND_BY_CLIENT");
    link.options.flags = OJ_LINK_KEEP_UNWIND | OJ_LINK_UNWIND_BY_CLIENT;
    expect_options(&link, OJ_E_MISUSE, "tells nobody");
    end(&link);
}

static void options_counts_without_arrays_rejected(void **state)
{
    job link;
    oj_archive *archive = NULL;
    oj_wanted wanted = {NULL, 1};
    (void)state;
    begin(&link);
    link.options.n_resolvers = 1;
    expect_options(&link, OJ_E_MISUSE, "resolvers");
    link.options.n_resolvers = 0;
    link.options.n_archives = 1;
    expect_options(&link, OJ_E_MISUSE, "archives");
    link.options.archives = &archive;
    expect_options(&link, OJ_E_MISUSE, "archives[0]");
    link.options.n_archives = 0;
    link.options.n_wanted = 1;
    expect_options(&link, OJ_E_MISUSE, "wanted");
    link.options.wanted = &wanted;
    expect_options(&link, OJ_E_MISUSE, "wanted[0].name");
    end(&link);
}

static void options_allocator_incomplete_rejected(void **state)
{
    job link;
    ojt_heap heap;
    (void)state;
    begin(&link);
    ojt_heap_init(&heap);
    link.options.allocator = &heap.table;
    heap.table.struct_size = 8;
    expect_options(&link, OJ_E_MISUSE, "oj_allocator.struct_size");
    ojt_heap_init(&heap);
    heap.table.allocate = NULL;
    expect_options(&link, OJ_E_MISUSE, "oj_allocator.allocate");
    ojt_heap_init(&heap);
    heap.table.release = NULL;
    expect_options(&link, OJ_E_MISUSE, "oj_allocator.release");
    assert_int_equal(heap.n_calls, 0);
    end(&link);
}

static void options_memory_table_incomplete_rejected(void **state)
{
    job link;
    struct {
        oj_memory known;
        uint64_t more;
    } longer = {.more = 0};
    (void)state;
    begin(&link);
    link.client.table.place = NULL;
    expect_options(&link, OJ_E_MISUSE, "oj_memory.place");
    ojt_client_init(&link.client);
    link.client.table.struct_size = 16;
    expect_options(&link, OJ_E_MISUSE, "oj_memory.struct_size");
    ojt_client_init(&link.client);
    longer.known = link.client.table;
    longer.known.struct_size = sizeof longer;
    link.options.memory = &longer.known;
    longer.more = 1;
    expect_options(&link, OJ_E_VERSION, "oj_memory");
    longer.more = 0;
    link.code = ojt_link(&link.object, 1, &link.options);
    assert_int_equal(ojt_call(link.code, "f"), 3);
    oj_code_destroy(link.code);
    end(&link);
}

static void options_memory_unknown_flags_rejected(void **state)
{
    job link;
    (void)state;
    begin(&link);
    link.client.table.flags = 1u << 9;
    expect_options(&link, OJ_E_VERSION, "oj_memory.flags");
    end(&link);
}

static void options_resolver_incomplete_rejected(void **state)
{
    const oj_definition nameless = {NULL, 1};
    oj_resolver bad[] = {oj_resolver_of_kind(0),           oj_resolver_of_kind(8),         oj_resolver_table(NULL, 1),
                         oj_resolver_callback(NULL, NULL), oj_resolver_code(NULL),         oj_resolver_library(NULL),
                         oj_resolver_table(&nameless, 1),  oj_resolver_of_kind(UINT32_MAX)};
    static const char *const texts[] = {"[1].kind", "[1].kind",    "[1].table",         "[1].resolve",
                                        "[1].code", "[1].context", "[1].table[0].name", "[1].kind"};
    job link;
    (void)state;
    begin(&link);
    for (size_t i = 0; i < OJI_COUNT(bad); i++) {
        const oj_resolver resolvers[] = {oj_resolver_objects(), bad[i]};
        link.options.resolvers = resolvers;
        link.options.n_resolvers = 2;
        expect_options(&link, OJ_E_MISUSE, texts[i]);
    }
    end(&link);
}

static void options_resolver_versions_checked(void **state)
{
    struct {
        oj_resolver known;
        uint64_t more;
    } longer[2];
    oj_resolver resolver = oj_resolver_objects();
    job link;
    (void)state;
    begin(&link);
    resolver.struct_size = 4;
    link.options.resolvers = &resolver;
    link.options.n_resolvers = 1;
    expect_options(&link, OJ_E_MISUSE, "oj_resolver.struct_size");
    memset(longer, 0, sizeof longer);
    for (int i = 0; i < 2; i++) {
        longer[i].known = i ? oj_resolver_process() : oj_resolver_objects();
        longer[i].known.struct_size = sizeof longer[0];
    }
    link.options.resolvers = &longer[0].known;
    link.options.n_resolvers = 2;
    longer[1].more = 1;
    expect_options(&link, OJ_E_VERSION, "oj_resolver");
    longer[1].more = 0;
    link.code = ojt_link(&link.object, 1, &link.options);
    assert_int_equal(ojt_call(link.code, "f"), 3);
    oj_code_destroy(link.code);
    end(&link);
}

static void options_stats_without_size_write_nothing(void **state)
{
    oj_link_stats stats;
    job link;
    (void)state;
    begin(&link);
    memset(&stats, 0x77, sizeof stats);
    link.options.stats = &stats;
    link.options.stats_size = 0;
    link.code = ojt_link(&link.object, 1, &link.options);
    assert_int_equal(((uint8_t *)&stats)[0], 0x77);
    oj_code_destroy(link.code);
    end(&link);
}

/* Options NULL: everything has its default, the library's own memory included. */
static void options_null_means_defaults(void **state)
{
    job link;
    (void)state;
    begin(&link);
    link.code = ojt_link(&link.object, 1, NULL);
    assert_int_equal(ojt_call(link.code, "f"), 3);
    oj_code_destroy(link.code);
    end(&link);
}

static void options_success_resets_error(void **state)
{
    job link;
    (void)state;
    begin(&link);
    memset(&link.error, 'x', sizeof link.error);
    assert_int_equal(oj_link((const oj_object *const *)&link.object, 1, &link.options, &link.code, &link.error), OJ_OK);
    assert_int_equal(link.error.status, OJ_OK);
    assert_string_equal(link.error.text, "");
    oj_code_destroy(link.code);
    end(&link);
}

OJT_MAIN(cmocka_unit_test(options_arguments_null_rejected), cmocka_unit_test(options_struct_size_too_small_rejected),
         cmocka_unit_test(options_longer_struct_needs_zero_tail), cmocka_unit_test(options_unknown_flags_rejected),
         cmocka_unit_test(options_contradicting_flags_rejected),
         cmocka_unit_test(options_counts_without_arrays_rejected),
         cmocka_unit_test(options_allocator_incomplete_rejected),
         cmocka_unit_test(options_memory_table_incomplete_rejected),
         cmocka_unit_test(options_memory_unknown_flags_rejected),
         cmocka_unit_test(options_resolver_incomplete_rejected), cmocka_unit_test(options_resolver_versions_checked),
         cmocka_unit_test(options_stats_without_size_write_nothing), cmocka_unit_test(options_null_means_defaults),
         cmocka_unit_test(options_success_resets_error))
