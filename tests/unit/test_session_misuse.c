/* Calls of a session that its own callbacks may not make, and arguments that are missing: each a status, and the
 * session is as it was. */
#include "unit/session_support.h"

/* Everything that a callback might call. */
typedef struct fixture {
    oj_session *session;
    oj_module *module; /* linked */
    oj_module *asking; /* being linked */
    oj_object *linked, *object, *wanting;
    oj_archive *archive;
    size_t n_tried;
} fixture;

static void expect_refused(fixture *f, oj_status status, const oj_error *error)
{
    if (status != OJ_E_MISUSE || !strstr(error->text, "callback"))
        fail_msg("call %zu: %s: %s", f->n_tried, oj_status_name(status), error->text);
    f->n_tried++;
}

static oj_status try_everything(void *context, oj_query *queries, size_t n_queries, oj_error *ignored)
{
    fixture *f = context;
    static uint8_t code[OJT_RETURN_SIZE];
    oj_resolver resolver = oj_resolver_process();
    oj_ir ir = oj_ir_bytes("; nothing\n", 10);
    oj_code *codes[1];
    oj_error error;
    size_t size;
    uint64_t addr, in_module;
    ojt_elf elf;
    uint8_t *bytes;
    (void)ignored;
    if (f->n_tried > 0)
        return OJ_OK;
    ojt_elf_init(&elf);
    ojt_elf_add_global(&elf, "more", ojt_elf_add_code(&elf, ojt_return_code(code, 1), sizeof code), 0, OJT_RETURN_SIZE);
    bytes = ojt_elf_finish(&elf, &size);
    expect_refused(f, oj_session_add_object(f->session, f->object, NULL, NULL, &error), &error);
    expect_refused(f, oj_session_add_bytes(f->session, bytes, size, NULL, NULL, &error), &error);
    expect_refused(f, oj_session_add_archive(f->session, f->archive, NULL, NULL, &error), &error);
    expect_refused(f, oj_session_add_resolver(f->session, &resolver, NULL, &error), &error);
    expect_refused(f, oj_session_add_ir(f->session, &ir, NULL, NULL, &error), &error);
    expect_refused(f, oj_session_define(f->session, "a", 1, 0, &error), &error);
    expect_refused(f, oj_session_undefine(f->session, "a", &error), &error);
    expect_refused(f, oj_session_lookup(f->session, "more", &addr, &error), &error);
    expect_refused(f, oj_session_link(f->session, &error), &error);
    expect_refused(f, oj_session_construct(f->session, &error), &error);
    expect_refused(f, oj_session_take_code(f->session, codes, 1, &error), &error);
    expect_refused(f, oj_module_lookup(f->asking, "asking", &addr, &error), &error);
    expect_refused(f, oj_module_construct(f->module, &error), &error);
    expect_refused(f, oj_module_remove(f->module, 0, &error), &error);
    expect_refused(f, oj_module_take_code(f->module, codes, 1, &error), &error);
    assert_int_equal(oj_session_lookup(f->session, "linked", &addr, &error), OJ_OK);
    assert_int_equal(oj_module_lookup(f->module, "linked", &in_module, &error), OJ_OK);
    assert_int_equal(in_module, addr);
    assert_int_equal(oj_module_lookup(f->module, "more", &addr, &error), OJ_E_NOT_FOUND);
    assert_int_equal(addr, 0);
    free(bytes);
    for (size_t i = 0; i < n_queries; i++) {
        queries[i].addr = 0x1000;
        queries[i].found = 1;
    }
    return OJ_OK;
}

static void session_callbacks_change_nothing(void **state)
{
    fixture f = {.linked = ojt_object_returning("linked.o", "linked", 5),
                 .object = ojt_object_returning("more.o", "more", 6)};
    oj_resolver resolver = oj_resolver_callback(try_everything, &f);
    oj_session_stats stats;
    oj_error error;
    ojt_words w;
    (void)state;
    f.archive = (oj_archive *)&f; /* never looked into */
    f.session = ojt_session_with(NULL, NULL);
    f.module = ojt_session_add(f.session, f.linked);
    assert_int_equal(ojt_session_call(f.session, "linked"), 5);
    assert_int_equal(oj_session_add_resolver(f.session, &resolver, NULL, &error), OJ_OK);
    ojt_words_init(&w);
    ojt_words_define(&w, "asking", 1, STB_GLOBAL, STV_DEFAULT);
    ojt_words_refer(&w, "from_the_callback", STB_GLOBAL);
    f.wanting = ojt_words_finish(&w, "wanting.o");
    f.asking = ojt_session_add(f.session, f.wanting);
    assert_int_equal(ojt_word_at(ojt_session_lookup(f.session, "asking")), 1);
    assert_int_equal(f.n_tried, 15);
    assert_int_equal(oj_session_get_stats(f.session, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_modules, 3);
    oj_session_destroy(f.session);
    oj_object_destroy(f.linked);
    oj_object_destroy(f.object);
    oj_object_destroy(f.wanting);
}

static void session_missing_arguments_refused(void **state)
{
    static const char *const no_names[1] = {NULL};
    oj_object *object = ojt_object_returning("a.o", "f", 5);
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_module *module = ojt_session_add(session, object);
    oj_ir ir = oj_ir_bytes("; nothing\n", 10);
    oj_module_options options;
    oj_session_stats stats;
    oj_error error;
    uint64_t addr = 1;
    (void)state;
    assert_int_equal(oj_session_create(NULL, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_get_stats(NULL, &stats, sizeof stats), OJ_E_MISUSE);
    assert_int_equal(oj_session_get_stats(session, NULL, sizeof stats), OJ_E_MISUSE);
    assert_int_equal(oj_module_lookup(module, "f", NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_lookup(session, "f", NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_add_object(session, NULL, NULL, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_construct(NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_module_construct(NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_define(NULL, "a", 1, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_define(session, NULL, 1, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_define(session, "", 1, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_undefine(NULL, "a", &error), OJ_E_MISUSE);
    assert_int_equal(oj_module_lookup(module, NULL, &addr, &error), OJ_E_MISUSE);
    assert_int_equal(addr, 0);
    assert_int_equal(oj_session_take_code(session, NULL, 1, &error), OJ_E_MISUSE);
    assert_int_equal(oj_module_take_code(module, NULL, 1, &error), OJ_E_MISUSE);
    oj_module_options_init(&options);
    options.names = no_names;
    options.n_names = 1;
    assert_int_equal(oj_session_add_ir(session, &ir, &options, NULL, &error), OJ_E_MISUSE);
    options.n_names = UINT32_MAX;
    assert_int_equal(oj_session_add_ir(session, &ir, &options, NULL, &error), OJ_E_LIMIT);
    oj_session_destroy(session);
    oj_object_destroy(object);
}

/* What fails every link is told where it is given, by its own name, and leaves the session as it was. */
static void session_options_that_no_link_takes_refused(void **state)
{
    static const oj_definition nameless[1];
    const oj_resolver resolvers[] = {oj_resolver_callback(NULL, NULL), oj_resolver_table(NULL, 1),
                                     oj_resolver_table(nameless, 1), oj_resolver_code(NULL), oj_resolver_library(NULL)};
    oj_object *object = ojt_object_returning("a.o", "f", 5);
    oj_session *session = ojt_session_with(NULL, NULL), *other;
    oj_session_options session_options;
    oj_module_options options;
    oj_session_stats stats;
    oj_error error;
    (void)state;
    for (size_t i = 0; i < OJI_COUNT(resolvers); i++) {
        assert_int_equal(oj_session_add_resolver(session, &resolvers[i], NULL, &error), OJ_E_MISUSE);
        assert_memory_equal(error.text, "oj_resolver.", 12);
    }
    oj_session_options_init(&session_options);
    session_options.link_flags = OJ_LINK_NO_UNWIND | OJ_LINK_KEEP_UNWIND;
    assert_int_equal(oj_session_create(&other, &session_options, &error), OJ_E_MISUSE);
    session_options.link_flags = OJ_LINK_KEEP_UNWIND;
    assert_int_equal(oj_session_create(&other, &session_options, &error), OJ_OK);
    oj_module_options_init(&options);
    options.link_flags = OJ_LINK_NO_UNWIND;
    assert_int_equal(oj_session_add_object(other, object, &options, NULL, &error), OJ_E_MISUSE);
    assert_non_null(strstr(error.text, "oj_module_options.link_flags with the session's"));
    assert_int_equal(oj_session_add_object(session, object, &options, NULL, &error), OJ_OK);
    assert_int_equal(ojt_session_call(session, "f"), 5);
    assert_int_equal(oj_session_get_stats(session, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_modules, 1);
    oj_session_destroy(other);
    oj_session_destroy(session);
    oj_object_destroy(object);
}

OJT_MAIN(cmocka_unit_test(session_options_that_no_link_takes_refused),
         cmocka_unit_test(session_callbacks_change_nothing), cmocka_unit_test(session_missing_arguments_refused))
