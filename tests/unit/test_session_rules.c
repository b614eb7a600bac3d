/* The rules by which a session's names find their definitions, one test each. */
#include "session_support.h"

static oj_object *returning(const char *function, uint32_t value, unsigned binding)
{
    return ojt_object_returning_bound(function, function, value, binding);
}

static void session_modules_refer_to_each_other_in_both_directions(void **state)
{
    /* a() calls b(), which calls c() beside a(). */
    oj_object *a = ojt_object_calling("a.o", "a", "b"), *b = ojt_object_calling("b.o", "b", "c"),
              *c = ojt_object_calling("c.o", "c", "d"), *d = ojt_object_returning("d.o", "d", 7);
    (void)state;
    for (int order = 0; order < 4; order++) {
        oj_object *objects[] = {a, b, c, d};
        oj_session *session = ojt_session_with(NULL, NULL);
        for (int i = 0; i < 4; i++)
            ojt_session_add(session, objects[(i * 3 + order) % 4]);
        assert_int_equal(ojt_session_call(session, "a"), 10);
        assert_int_equal(oj_session_code_count(session), 4);
        oj_session_destroy(session);
    }
    oj_object_destroy(a);
    oj_object_destroy(b);
    oj_object_destroy(c);
    oj_object_destroy(d);
}

/* Two modules whose slots point into each other. */
static void session_circle_is_one_step(void **state)
{
    oj_object *objects[2];
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_session_stats stats;
    (void)state;
    for (int i = 0; i < 2; i++) {
        ojt_words w;
        ojt_words_init(&w);
        ojt_words_refer(&w, i == 0 ? "y" : "x", STB_GLOBAL);
        ojt_words_define(&w, i == 0 ? "x" : "y", (uint64_t)i + 10, STB_GLOBAL, STV_DEFAULT);
        ojt_words_define(&w, i == 0 ? "slots_x" : "slots_y", 0, STB_GLOBAL, STV_DEFAULT);
        objects[i] = ojt_words_finish(&w, i == 0 ? "x.o" : "y.o");
        ojt_session_add(session, objects[i]);
    }
    uint64_t x = ojt_session_lookup(session, "x"), y = ojt_session_lookup(session, "y");
    assert_int_equal(ojt_word_at(x), 10);
    assert_int_equal(ojt_word_at(x - 8), y);
    assert_int_equal(ojt_word_at(y - 8), x);
    assert_int_equal(oj_session_get_stats(session, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_links, 1);
    assert_int_equal(stats.n_codes, 2);
    assert_int_equal(stats.n_modules, 2);
    assert_int_equal(stats.n_names, 4);
    oj_session_destroy(session);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

static void session_strong_comes_before_weak_wherever_it_stands(void **state)
{
    oj_object *user = ojt_object_calling("user.o", "user", "f"), *weak = returning("f", 1, STB_WEAK),
              *other_weak = returning("f", 2, STB_WEAK), *strong = returning("f", 3, STB_GLOBAL);
    oj_session *session = ojt_session_with(NULL, NULL);
    (void)state;
    ojt_session_add(session, user);
    ojt_session_add(session, weak);
    ojt_session_add(session, other_weak);
    ojt_session_add(session, strong);
    assert_int_equal(ojt_session_call(session, "user"), 4);
    assert_int_equal(ojt_session_call(session, "f"), 3);
    oj_session_destroy(session);
    oj_object_destroy(user);
    oj_object_destroy(weak);
    oj_object_destroy(other_weak);
    oj_object_destroy(strong);
}

/* A module's own weak definition gives way to a strong one elsewhere, in its own references, too. */
static void session_own_weak_definition_gives_way(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *objects[2];
    oj_module *first;
    oj_error error;
    uint64_t own, x;
    ojt_words w;
    (void)state;
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 1, STB_WEAK, STV_DEFAULT);
    ojt_words_point(&w, 1);
    ojt_words_define(&w, "after", 0, STB_GLOBAL, STV_DEFAULT);
    objects[0] = ojt_words_finish(&w, "weak.o");
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 2, STB_GLOBAL, STV_DEFAULT);
    objects[1] = ojt_words_finish(&w, "strong.o");
    first = ojt_session_add(session, objects[0]);
    ojt_session_add(session, objects[1]);
    uint64_t after = ojt_session_lookup(session, "after");
    x = ojt_session_lookup(session, "x");
    assert_int_equal(ojt_word_at(x), 2);
    assert_int_equal(ojt_word_at(after - 8), x);
    assert_int_equal(oj_module_lookup(first, "x", &own, &error), OJ_OK);
    assert_int_equal(own, x);
    oj_session_destroy(session);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

/* As for a program that has been linked: what comes later does not change it, nor the name. */
static void session_settled_weak_definition_stays(void **state)
{
    oj_object *user = ojt_object_calling("user.o", "user", "f"), *later = ojt_object_calling("later.o", "later", "f"),
              *weak = returning("f", 1, STB_WEAK), *strong = returning("f", 3, STB_GLOBAL);
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_module *module, *modules[2];
    oj_error error;
    (void)state;
    modules[0] = ojt_session_add(session, user);
    module = ojt_session_add(session, weak);
    assert_int_equal(ojt_session_call(session, "user"), 2);
    ojt_session_add(session, strong);
    modules[1] = ojt_session_add(session, later);
    assert_int_equal(ojt_session_call(session, "user"), 2);
    assert_int_equal(ojt_session_call(session, "later"), 2);
    assert_int_equal(ojt_session_call(session, "f"), 1);
    assert_int_equal(oj_module_remove(modules[0], 0, &error), OJ_OK);
    assert_int_equal(oj_module_remove(modules[1], 0, &error), OJ_OK);
    assert_int_equal(oj_module_remove(module, 0, &error), OJ_OK);
    /* Nobody has it settled any more. */
    assert_int_equal(ojt_session_call(session, "f"), 3);
    oj_session_destroy(session);
    oj_object_destroy(user);
    oj_object_destroy(later);
    oj_object_destroy(weak);
    oj_object_destroy(strong);
}

static void session_two_strong_definitions_refused(void **state)
{
    oj_object *first = returning("f", 1, STB_GLOBAL), *second = ojt_object_returning("second.o", "f", 2);
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_module *module;
    oj_error error;
    (void)state;
    ojt_session_add(session, first);
    assert_int_equal(oj_session_add_object(session, second, NULL, &module, &error), OJ_E_DUPLICATE);
    assert_null(module);
    assert_string_equal(error.symbol, "f");
    assert_string_equal(error.object, "second.o");
    assert_non_null(strstr(error.text, "'f' is defined by f and again by second.o"));
    assert_int_equal(oj_session_define(session, "f", 5, 0, &error), OJ_E_DUPLICATE);
    assert_int_equal(ojt_session_call(session, "f"), 1);
    oj_session_destroy(session);
    oj_object_destroy(first);
    oj_object_destroy(second);
}

static void session_hidden_definition_is_its_own_modules(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *objects[2];
    oj_error error;
    uint64_t addr;
    ojt_words w;
    (void)state;
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 1, STB_GLOBAL, STV_HIDDEN);
    ojt_words_point(&w, 1);
    ojt_words_define(&w, "after_x", 0, STB_GLOBAL, STV_DEFAULT);
    objects[0] = ojt_words_finish(&w, "hidden.o");
    ojt_words_init(&w);
    ojt_words_refer(&w, "x", STB_GLOBAL);
    ojt_words_define(&w, "y", 2, STB_GLOBAL, STV_DEFAULT);
    objects[1] = ojt_words_finish(&w, "user.o");
    ojt_session_add(session, objects[0]);
    ojt_session_add(session, objects[1]);
    assert_int_equal(ojt_word_at(ojt_word_at(ojt_session_lookup(session, "after_x") - 8)), 1);
    assert_int_equal(ojt_session_try(session, "x"), OJ_E_NOT_FOUND);
    assert_int_equal(oj_session_lookup(session, "y", &addr, &error), OJ_E_UNDEFINED);
    assert_string_equal(error.symbol, "x");
    /* One elsewhere is seen by others, and not by it. */
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 3, STB_GLOBAL, STV_DEFAULT);
    oj_object *third = ojt_words_finish(&w, "visible.o");
    ojt_session_add(session, third);
    assert_int_equal(ojt_word_at(ojt_word_at(ojt_session_lookup(session, "y") - 8)), 3);
    oj_session_destroy(session);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
    oj_object_destroy(third);
}

static void session_protected_definition_keeps_its_references(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *objects[2];
    ojt_words w;
    (void)state;
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 1, STB_WEAK, STV_PROTECTED);
    ojt_words_point(&w, 1);
    ojt_words_define(&w, "after", 0, STB_GLOBAL, STV_DEFAULT);
    objects[0] = ojt_words_finish(&w, "protected.o");
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 2, STB_GLOBAL, STV_DEFAULT);
    objects[1] = ojt_words_finish(&w, "strong.o");
    ojt_session_add(session, objects[0]);
    ojt_session_add(session, objects[1]);
    assert_int_equal(ojt_word_at(ojt_word_at(ojt_session_lookup(session, "after") - 8)), 1);
    assert_int_equal(ojt_word_at(ojt_session_lookup(session, "x")), 2);
    oj_session_destroy(session);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

static void session_largest_common_symbol_serves_all(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *objects[2];
    uint64_t small;
    ojt_words w;
    (void)state;
    for (int i = 0; i < 2; i++) {
        ojt_words_init(&w);
        ojt_words_common(&w, "shared", i == 0 ? 8 : 64);
        ojt_words_point(&w, 1);
        ojt_words_define(&w, i == 0 ? "after_small" : "after_large", 0, STB_GLOBAL, STV_DEFAULT);
        objects[i] = ojt_words_finish(&w, i == 0 ? "small.o" : "large.o");
        ojt_session_add(session, objects[i]);
    }
    small = ojt_word_at(ojt_session_lookup(session, "after_small") - 8);
    assert_int_equal(small, ojt_word_at(ojt_session_lookup(session, "after_large") - 8));
    assert_int_equal(small, ojt_session_lookup(session, "shared"));
    memset((void *)(uintptr_t)small, 1, 64);
    oj_session_destroy(session);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

static void session_weak_reference_stays_zero_once_linked(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *objects[2];
    oj_module *user;
    oj_error error;
    ojt_words w;
    (void)state;
    ojt_words_init(&w);
    ojt_words_refer(&w, "nobody_has_this", STB_WEAK);
    ojt_words_define(&w, "after", 0, STB_GLOBAL, STV_DEFAULT);
    objects[0] = ojt_words_finish(&w, "user.o");
    ojt_words_init(&w);
    ojt_words_define(&w, "nobody_has_this", 4, STB_GLOBAL, STV_DEFAULT);
    objects[1] = ojt_words_finish(&w, "late.o");
    user = ojt_session_add(session, objects[0]);
    assert_int_equal(ojt_word_at(ojt_session_lookup(session, "after") - 8), 0);
    ojt_session_add(session, objects[1]);
    assert_int_equal(ojt_word_at(ojt_session_lookup(session, "after") - 8), 0);
    assert_int_equal(oj_module_remove(user, 0, &error), OJ_OK);
    ojt_session_add(session, objects[0]);
    assert_int_equal(ojt_word_at(ojt_word_at(ojt_session_lookup(session, "after") - 8)), 4);
    oj_session_destroy(session);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

typedef struct told {
    int n;
    char names[8][32];
} told;

static void tell(void *context, const oj_undefined *undefined)
{
    told *t = context;
    snprintf(t->names[t->n++], sizeof t->names[0], "%s:%llu", undefined->name,
             (unsigned long long)undefined->n_references);
}

static void session_undefined_names_of_all_modules_told_at_once(void **state)
{
    oj_object *a = ojt_object_calling("a.o", "a", "b"), *b, *late = ojt_object_returning("late.o", "oj_missing_1", 1);
    oj_session_options options;
    oj_session *session;
    ojt_client client;
    told t = {0};
    oj_error error;
    uint64_t addr;
    ojt_words w;
    (void)state;
    ojt_client_init(&client);
    oj_session_options_init(&options);
    options.undefined = tell;
    options.undefined_context = &t;
    options.memory = &client.table;
    assert_int_equal(oj_session_create(&session, &options, &error), OJ_OK);
    ojt_words_init(&w);
    ojt_words_define(&w, "b", 1, STB_GLOBAL, STV_DEFAULT);
    ojt_words_refer(&w, "oj_missing_1", STB_GLOBAL);
    ojt_words_refer(&w, "oj_missing_2", STB_GLOBAL);
    ojt_words_refer(&w, "oj_missing_3", STB_WEAK);
    b = ojt_words_finish(&w, "b.o");
    ojt_session_add(session, a);
    ojt_session_add(session, b);
    oj_object *c = ojt_object_calling("c.o", "c", "oj_missing_1");
    ojt_session_add(session, c);
    assert_int_equal(oj_session_link(session, &error), OJ_E_UNDEFINED);
    assert_int_equal(t.n, 2);
    assert_string_equal(t.names[0], "oj_missing_1:2");
    assert_string_equal(t.names[1], "oj_missing_2:1");
    assert_non_null(strstr(error.text, "2 undefined symbols: 'oj_missing_1' (b.o, .data+0x8), 'oj_missing_2'"));
    assert_int_equal(oj_session_code_count(session), 0);
    assert_string_equal(client.log, "");
    assert_int_equal(oj_session_define(session, "oj_missing_2", 77, 0, &error), OJ_OK);
    ojt_session_add(session, late);
    assert_int_equal(oj_session_lookup(session, "a", &addr, &error), OJ_OK);
    assert_int_equal(ojt_word_at(ojt_session_lookup(session, "b") + 16), 77);
    oj_session_destroy(session);
    assert_int_equal(client.n_live, 0);
    oj_object_destroy(a);
    oj_object_destroy(b);
    oj_object_destroy(c);
    oj_object_destroy(late);
}

static int of_client(void) { return 50; }
static int of_other_client(void) { return 60; }

static void session_absolute_symbols_define_override_and_end(void **state)
{
    oj_object *user = ojt_object_calling("user.o", "user", "f"), *other = ojt_object_calling("other.o", "other", "f"),
              *f = returning("f", 1, STB_GLOBAL);
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_module *users[2];
    oj_error error;
    uint64_t addr;
    (void)state;
    assert_int_equal(oj_session_define(session, "f", (uint64_t)(uintptr_t)of_client, 0, &error), OJ_OK);
    assert_int_equal(oj_session_define(session, "f", 1, 0, &error), OJ_E_DUPLICATE);
    assert_int_equal(oj_session_add_object(session, f, NULL, NULL, &error), OJ_E_DUPLICATE);
    assert_non_null(strstr(error.text, "oj_session_define()"));
    users[0] = ojt_session_add(session, user);
    assert_int_equal(ojt_session_call(session, "user"), 51);
    assert_int_equal(ojt_session_lookup(session, "f"), (uint64_t)(uintptr_t)of_client);
    assert_int_equal(oj_session_undefine(session, "f", &error), OJ_OK);
    assert_int_equal(oj_session_undefine(session, "f", &error), OJ_E_NOT_FOUND);
    assert_int_equal(ojt_session_call(session, "user"), 51);
    ojt_session_add(session, f);
    assert_int_equal(oj_session_define(session, "f", (uint64_t)(uintptr_t)of_other_client, OJ_DEFINE_OVERRIDE, &error),
                     OJ_OK);
    users[1] = ojt_session_add(session, other);
    assert_int_equal(ojt_session_call(session, "other"), 61);
    assert_int_equal(ojt_session_lookup(session, "f"), (uint64_t)(uintptr_t)of_other_client);
    assert_int_equal(oj_session_undefine(session, "f", &error), OJ_OK);
    assert_int_equal(ojt_session_call(session, "f"), 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(oj_module_remove(users[i], 0, &error), OJ_OK);
    assert_int_equal(oj_session_define(session, "", 1, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_define(session, "g", 1, 64, &error), OJ_E_VERSION);
    assert_int_equal(oj_session_lookup(session, "user", &addr, &error), OJ_E_NOT_FOUND);
    oj_session_destroy(session);
    oj_object_destroy(user);
    oj_object_destroy(other);
    oj_object_destroy(f);
}

static oj_status answer_g(void *context, oj_query *queries, size_t n_queries, oj_error *error)
{
    oj_session *session = context;
    uint64_t addr;
    for (size_t i = 0; i < n_queries; i++)
        if (strcmp(queries[i].name, "g") == 0) {
            queries[i].found = 1;
            queries[i].addr = (uint64_t)(uintptr_t)of_client;
        }
    /* Lookups of what is linked are allowed here, and nothing else is. */
    assert_int_equal(oj_session_lookup(session, "f", &addr, error), OJ_OK);
    assert_int_equal(oj_session_lookup(session, "not_linked", &addr, error), OJ_E_MISUSE);
    assert_int_equal(oj_session_define(session, "h", 1, 0, error), OJ_E_MISUSE);
    return OJ_OK;
}

static void session_resolvers_come_after_modules(void **state)
{
    oj_object *f = returning("f", 1, STB_GLOBAL), *user = ojt_object_calling("user.o", "user", "g"),
              *again = ojt_object_calling("again.o", "again", "g"), *puts_user = ojt_object_calling("p.o", "p", "puts"),
              *g = returning("g", 9, STB_WEAK);
    oj_session *session = ojt_session_with(NULL, NULL), *alone;
    oj_session_options options;
    oj_resolver resolver = oj_resolver_callback(answer_g, session);
    oj_module *module;
    oj_error error;
    uint64_t addr;
    (void)state;
    ojt_session_add(session, f);
    ojt_session_lookup(session, "f");
    assert_int_equal(oj_session_add_resolver(session, &resolver, &module, &error), OJ_OK);
    ojt_session_add(session, user);
    ojt_session_add(session, puts_user);
    assert_int_equal(ojt_session_call(session, "user"), 51);
    ojt_session_lookup(session, "p");
    assert_int_equal(ojt_session_try(session, "puts"), OJ_E_NOT_FOUND);
    ojt_session_add(session, g);
    ojt_session_add(session, again);
    assert_int_equal(ojt_session_call(session, "again"), 10);
    assert_int_equal(oj_module_link(module, &error), OJ_OK);
    assert_int_equal(oj_module_remove(module, 0, &error), OJ_OK);
    resolver = oj_resolver_objects();
    assert_int_equal(oj_session_add_resolver(session, &resolver, &module, &error), OJ_E_MISUSE);
    oj_session_destroy(session);
    oj_session_options_init(&options);
    options.flags = OJ_SESSION_NO_PROCESS;
    assert_int_equal(oj_session_create(&alone, &options, &error), OJ_OK);
    ojt_session_add(alone, puts_user);
    assert_int_equal(oj_session_lookup(alone, "p", &addr, &error), OJ_E_UNDEFINED);
    oj_session_destroy(alone);
    oj_object_destroy(f);
    oj_object_destroy(g);
    oj_object_destroy(user);
    oj_object_destroy(again);
    oj_object_destroy(puts_user);
}

/* What is unique in the process (STB_GNU_UNIQUE) is the process's where that has it. */
static void session_definition_that_the_process_overrides_is_the_processes(void **state)
{
    const uint64_t of_process = (uint64_t)(uintptr_t)&environ;
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *objects[2];
    oj_module *module;
    oj_error error;
    uint64_t addr;
    ojt_words w;
    (void)state;
    ojt_words_init(&w);
    ojt_words_define(&w, "environ", 1, STB_GNU_UNIQUE, STV_DEFAULT);
    ojt_words_point(&w, 1);
    ojt_words_define(&w, "after", 0, STB_GLOBAL, STV_DEFAULT);
    objects[0] = ojt_words_finish(&w, "unique.o");
    ojt_words_init(&w);
    ojt_words_refer(&w, "environ", STB_GLOBAL);
    ojt_words_define(&w, "late", 0, STB_GLOBAL, STV_DEFAULT);
    objects[1] = ojt_words_finish(&w, "late.o");
    module = ojt_session_add(session, objects[0]);
    assert_int_equal(ojt_word_at(ojt_session_lookup(session, "after") - 8), of_process);
    assert_int_equal(oj_module_lookup(module, "environ", &addr, &error), OJ_OK);
    assert_int_equal(addr, of_process);
    assert_int_equal(ojt_session_lookup(session, "environ"), of_process);
    ojt_session_add(session, objects[1]);
    assert_int_equal(ojt_word_at(ojt_session_lookup(session, "late") - 8), of_process);
    assert_int_equal(oj_module_remove(module, OJ_REMOVE_REFERENCED, &error), OJ_OK);
    assert_int_equal(ojt_session_try(session, "environ"), OJ_E_NOT_FOUND);
    oj_session_destroy(session);
    oj_object_destroy(objects[0]);
    oj_object_destroy(objects[1]);
}

/* A weak one gives way to that of a code that a resolver lists. */
static void session_weak_definition_of_an_older_code_is_the_codes(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *older, *weak;
    oj_resolver resolver;
    oj_module *module;
    oj_error error;
    oj_code *code;
    uint64_t addr;
    ojt_words w;
    (void)state;
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 3, STB_GLOBAL, STV_DEFAULT);
    older = ojt_words_finish(&w, "older.o");
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 4, STB_WEAK, STV_DEFAULT);
    ojt_words_point(&w, 1);
    ojt_words_define(&w, "after", 0, STB_GLOBAL, STV_DEFAULT);
    weak = ojt_words_finish(&w, "weak.o");
    assert_int_equal(oj_link((const oj_object *const *)&older, 1, NULL, &code, &error), OJ_OK);
    resolver = oj_resolver_code(code);
    assert_int_equal(oj_session_add_resolver(session, &resolver, NULL, &error), OJ_OK);
    module = ojt_session_add(session, weak);
    assert_int_equal(ojt_word_at(ojt_session_lookup(session, "after") - 8), oj_code_lookup_addr(code, "x"));
    assert_int_equal(ojt_session_lookup(session, "x"), oj_code_lookup_addr(code, "x"));
    assert_int_equal(oj_module_lookup(module, "x", &addr, &error), OJ_OK);
    assert_int_equal(addr, oj_code_lookup_addr(code, "x"));
    oj_session_destroy(session);
    oj_code_destroy(code);
    oj_object_destroy(older);
    oj_object_destroy(weak);
}

/* Before it is linked: what is linked later would be told. */
static void session_object_that_defines_a_name_twice_refused(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *twice;
    oj_error error;
    ojt_words w;
    (void)state;
    ojt_words_init(&w);
    ojt_words_define(&w, "x", 1, STB_GLOBAL, STV_DEFAULT);
    ojt_words_define(&w, "x", 2, STB_GLOBAL, STV_DEFAULT);
    twice = ojt_words_finish(&w, "twice.o");
    assert_int_equal(oj_session_add_object(session, twice, NULL, NULL, &error), OJ_E_DUPLICATE);
    assert_non_null(strstr(error.text, "'x' is defined by twice.o and again by twice.o"));
    assert_int_equal(ojt_session_try(session, "x"), OJ_E_NOT_FOUND);
    oj_session_destroy(session);
    oj_object_destroy(twice);
}

static void session_bytes_copied_or_borrowed(void **state)
{
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_module_options options;
    oj_error error;
    (void)state;
    for (uint32_t borrow = 0; borrow < 2; borrow++) {
        oj_module *module;
        uint8_t *bytes;
        size_t size;
        ojt_words w;
        ojt_words_init(&w);
        ojt_words_define(&w, "x", 5, STB_GLOBAL, STV_DEFAULT);
        bytes = ojt_words_bytes(&w, &size);
        oj_module_options_init(&options);
        options.name = "given";
        options.flags = borrow ? OJ_MODULE_BORROW : 0;
        assert_int_equal(oj_session_add_bytes(session, bytes, size, &options, &module, &error), OJ_OK);
        assert_string_equal(oj_module_name(module), "given");
        if (!borrow)
            memset(bytes, 0, size);
        assert_int_equal(ojt_word_at(ojt_session_lookup(session, "x")), 5);
        free(bytes);
        assert_int_equal(ojt_word_at(ojt_session_lookup(session, "x")), 5);
        assert_int_equal(oj_module_remove(module, 0, &error), OJ_OK);
    }
    assert_int_equal(oj_session_add_bytes(session, "no object", 9, NULL, NULL, &error), OJ_E_FORMAT);
    oj_session_destroy(session);
}

static void session_bad_arguments_refused(void **state)
{
    oj_object *object = ojt_object_returning("a.o", "a", 1);
    oj_session *session = ojt_session_with(NULL, NULL), *none;
    oj_session_options options;
    oj_module_options module_options;
    oj_resolver resolver = oj_resolver_of_kind(99);
    oj_error error;
    uint64_t addr = 1;
    (void)state;
    assert_int_equal(oj_session_create(NULL, NULL, &error), OJ_E_MISUSE);
    oj_session_options_init(&options);
    options.flags = 64;
    assert_int_equal(oj_session_create(&none, &options, &error), OJ_E_VERSION);
    assert_null(none);
    oj_module_options_init(&module_options);
    module_options.flags = 64;
    assert_int_equal(oj_session_add_object(session, object, &module_options, NULL, &error), OJ_E_VERSION);
    assert_int_equal(oj_session_add_object(NULL, object, NULL, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_add_object(session, NULL, NULL, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_add_bytes(session, NULL, 0, NULL, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_add_archive(session, NULL, NULL, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_add_resolver(session, NULL, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_add_resolver(session, &resolver, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_add_ir(session, NULL, NULL, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_lookup(session, "a", NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_lookup(session, NULL, &addr, &error), OJ_E_MISUSE);
    assert_int_equal(addr, 0);
    assert_int_equal(oj_session_lookup(NULL, "a", &addr, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_link(NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_construct(NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_undefine(session, NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_take_code(NULL, NULL, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_take_code(session, NULL, 0, &error), OJ_OK);
    assert_int_equal(oj_session_get_stats(session, NULL, 0), OJ_E_MISUSE);
    assert_int_equal(oj_session_code_count(NULL), 0);
    assert_int_equal(oj_module_link(NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_module_construct(NULL, &error), OJ_E_MISUSE);
    assert_int_equal(oj_module_lookup(NULL, "a", &addr, &error), OJ_E_MISUSE);
    assert_int_equal(oj_module_remove(NULL, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_module_take_code(NULL, NULL, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_module_code_count(NULL), 0);
    assert_null(oj_module_code(NULL, 0));
    assert_string_equal(oj_module_name(NULL), "");
    oj_session_destroy(NULL);
    /* Flags that the linker does not know are refused by the call that is given them, not by the first link. */
    module_options.flags = options.flags = 0;
    module_options.link_flags = options.link_flags = 1u << 31;
    assert_int_equal(oj_session_create(&none, &options, &error), OJ_E_VERSION);
    assert_non_null(strstr(error.text, "oj_session_options.link_flags"));
    assert_int_equal(oj_session_add_object(session, object, &module_options, NULL, &error), OJ_E_VERSION);
    assert_non_null(strstr(error.text, "oj_module_options.link_flags"));
    assert_int_equal(ojt_session_try(session, "a"), OJ_E_NOT_FOUND);
    oj_session_destroy(session);
    oj_object_destroy(object);
}

OJT_MAIN(cmocka_unit_test(session_modules_refer_to_each_other_in_both_directions),
         cmocka_unit_test(session_circle_is_one_step),
         cmocka_unit_test(session_strong_comes_before_weak_wherever_it_stands),
         cmocka_unit_test(session_own_weak_definition_gives_way),
         cmocka_unit_test(session_settled_weak_definition_stays),
         cmocka_unit_test(session_two_strong_definitions_refused),
         cmocka_unit_test(session_hidden_definition_is_its_own_modules),
         cmocka_unit_test(session_protected_definition_keeps_its_references),
         cmocka_unit_test(session_largest_common_symbol_serves_all),
         cmocka_unit_test(session_weak_reference_stays_zero_once_linked),
         cmocka_unit_test(session_undefined_names_of_all_modules_told_at_once),
         cmocka_unit_test(session_absolute_symbols_define_override_and_end),
         cmocka_unit_test(session_resolvers_come_after_modules),
         cmocka_unit_test(session_definition_that_the_process_overrides_is_the_processes),
         cmocka_unit_test(session_weak_definition_of_an_older_code_is_the_codes),
         cmocka_unit_test(session_object_that_defines_a_name_twice_refused),
         cmocka_unit_test(session_bytes_copied_or_borrowed), cmocka_unit_test(session_bad_arguments_refused))
