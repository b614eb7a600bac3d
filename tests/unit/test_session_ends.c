/* How modules of a session end: removed, refused removal, code taken out, archives; and what is left behind. */
#include "archive_recipe.h"
#include "session_support.h"

/* caller() calls callee(), each a module of its own. */
typedef struct pair {
    oj_session *session;
    oj_object *objects[2];
    oj_module *caller;
    oj_module *callee;
    ojt_client client;
    ojt_heap heap;
} pair;

static void pair_open(pair *p)
{
    ojt_client_init(&p->client);
    ojt_heap_init(&p->heap);
    p->session = ojt_session_with(&p->client.table, &p->heap.table);
    p->objects[0] = ojt_object_calling("caller.o", "caller", "callee");
    p->objects[1] = ojt_object_returning("callee.o", "callee", 4);
    p->caller = ojt_session_add(p->session, p->objects[0]);
    p->callee = ojt_session_add(p->session, p->objects[1]);
    assert_int_equal(ojt_session_call(p->session, "caller"), 5);
}

static void pair_close(pair *p)
{
    oj_session_destroy(p->session);
    oj_object_destroy(p->objects[0]);
    oj_object_destroy(p->objects[1]);
    assert_int_equal(p->client.n_live, 0);
    assert_int_equal(p->heap.n_live, 0);
}

static void session_remove_of_what_is_referred_to_refused(void **state)
{
    oj_error error;
    pair p;
    (void)state;
    pair_open(&p);
    assert_int_equal(oj_module_remove(p.callee, 0, &error), OJ_E_REFERENCED);
    assert_string_equal(error.object, "caller.o");
    assert_string_equal(error.symbol, "callee");
    assert_string_equal(error.text, "caller.o refers to callee.o, for 'callee'");
    assert_int_equal(oj_module_remove(p.callee, 4, &error), OJ_E_VERSION);
    assert_int_equal(ojt_session_call(p.session, "caller"), 5);
    assert_int_equal(oj_module_remove(p.caller, 0, &error), OJ_OK);
    assert_int_equal(p.client.n_live, 1);
    assert_int_equal(oj_module_remove(p.callee, 0, &error), OJ_OK);
    assert_int_equal(p.client.n_live, 0);
    assert_int_equal(ojt_session_try(p.session, "caller"), OJ_E_NOT_FOUND);
    pair_close(&p);
}

static void session_remove_anyway_and_add_again(void **state)
{
    oj_object *other = ojt_object_returning("other.o", "callee", 8);
    oj_session_stats stats;
    oj_error error;
    pair p;
    (void)state;
    pair_open(&p);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(oj_module_remove(p.callee, OJ_REMOVE_REFERENCED, &error), OJ_OK);
        assert_int_equal(p.client.n_live, 1);
        p.callee = ojt_session_add(p.session, i == 1 ? other : p.objects[1]);
        assert_int_equal(ojt_session_call(p.session, "callee"), i == 1 ? 8 : 4);
        /* The removed one took its references along: the caller refers to nobody now. */
        assert_int_equal(oj_module_remove(p.caller, 0, &error), OJ_OK);
        p.caller = ojt_session_add(p.session, p.objects[0]);
        assert_int_equal(ojt_session_call(p.session, "caller"), i == 1 ? 9 : 5);
        assert_int_equal(oj_module_remove(p.callee, 0, &error), OJ_E_REFERENCED);
    }
    assert_int_equal(oj_session_get_stats(p.session, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_modules, 2);
    assert_int_equal(stats.n_names, 2);
    assert_int_equal(stats.n_codes, 2);
    oj_object_destroy(other);
    pair_close(&p);
}

static void session_remove_of_what_is_not_linked(void **state)
{
    oj_object *object = ojt_object_returning("a.o", "a", 1);
    ojt_heap heap;
    oj_session *session;
    oj_module *module;
    oj_code *code;
    oj_error error;
    (void)state;
    ojt_heap_init(&heap);
    session = ojt_session_with(NULL, &heap.table);
    module = ojt_session_add(session, object);
    assert_int_equal(oj_module_code_count(module), 0);
    assert_null(oj_module_code(module, 0));
    assert_string_equal(oj_module_name(module), "a.o");
    assert_int_equal(oj_module_take_code(module, &code, 1, &error), OJ_E_MISUSE);
    assert_null(code);
    assert_int_equal(oj_module_remove(module, 0, &error), OJ_OK);
    assert_int_equal(ojt_session_try(session, "a"), OJ_E_NOT_FOUND);
    oj_session_destroy(session);
    assert_int_equal(heap.n_live, 0);
    oj_object_destroy(object);
}

static void session_taken_code_outlives_the_session(void **state)
{
    oj_code *codes[3] = {NULL}, *code;
    oj_error error;
    uint64_t addr;
    pair p;
    (void)state;
    pair_open(&p);
    addr = ojt_session_lookup(p.session, "caller");
    assert_int_equal(oj_session_take_code(p.session, codes, 1, &error), OJ_E_MISUSE);
    assert_int_equal(oj_session_code_count(p.session), 2);
    assert_int_equal(oj_session_take_code(p.session, codes, 3, &error), OJ_OK);
    assert_non_null(codes[1]);
    assert_null(codes[2]);
    assert_int_equal(oj_session_code_count(p.session), 0);
    assert_int_equal(ojt_session_try(p.session, "caller"), OJ_E_NOT_FOUND);
    oj_session_destroy(p.session);
    assert_int_equal(ojt_call_at(addr), 5);
    /* Linked in one step: in the order of adding. */
    assert_int_equal(oj_code_lookup_addr(codes[0], "caller"), addr);
    oj_code_destroy(codes[1]);
    oj_code_destroy(codes[0]);
    p.session = NULL;
    pair_close(&p);

    pair_open(&p);
    assert_ptr_not_equal(oj_module_code(p.callee, 0), NULL);
    assert_null(oj_module_code(p.callee, 1));
    assert_int_equal(oj_module_take_code(p.callee, &code, 0, &error), OJ_E_MISUSE);
    assert_int_equal(oj_module_take_code(p.callee, &code, 1, &error), OJ_OK);
    assert_int_equal(ojt_session_try(p.session, "callee"), OJ_E_NOT_FOUND);
    assert_int_equal(ojt_session_call(p.session, "caller"), 5);
    assert_int_equal(oj_module_remove(p.caller, 0, &error), OJ_OK);
    oj_code_destroy(code);
    pair_close(&p);
}

/* --- archives ----------------------------------------------------------------------------------------------------- */

static void session_archive_members_are_pulled_when_needed(void **state)
{
    oj_object *user = ojt_object_calling("user.o", "user", "f"), *g = ojt_object_returning("g.o", "g", 30);
    ojt_heap heap;
    oj_error error;
    (void)state;
    for (int own = 0; own < 2; own++) {
        ojt_recipe recipe = {.n_members = 0};
        oj_archive *archive;
        oj_session *session;
        oj_module *module;
        uint64_t addr;
        ojt_recipe_calling(&recipe, "f", "g");
        ojt_recipe_returning(&recipe, "g", 3);
        ojt_recipe_returning(&recipe, "h", 5);
        archive = ojt_recipe_open(&recipe);
        ojt_heap_init(&heap);
        session = ojt_session_with(NULL, &heap.table);
        assert_int_equal(oj_session_add_archive(session, archive, NULL, &module, &error), OJ_OK);
        ojt_session_add(session, user);
        if (own)
            ojt_session_add(session, g);
        /* A module comes before an archive, wherever it was added. */
        assert_int_equal(ojt_session_call(session, "user"), own ? 32 : 5);
        assert_int_equal(oj_module_code_count(module), own ? 1 : 2);
        assert_int_equal(oj_module_remove(module, 0, &error), OJ_E_REFERENCED);
        assert_int_equal(ojt_session_call(session, "h"), 5);
        assert_int_equal(oj_module_code_count(module), own ? 2 : 3);
        assert_int_equal(oj_module_lookup(module, "f", &addr, &error), OJ_OK);
        assert_int_equal(ojt_call_at(addr), own ? 31 : 4);
        assert_int_equal(oj_module_lookup(module, "user", &addr, &error), OJ_E_NOT_FOUND);
        assert_int_equal(oj_module_remove(module, OJ_REMOVE_REFERENCED, &error), OJ_OK);
        assert_int_equal(ojt_session_try(session, "h"), OJ_E_NOT_FOUND);
        oj_session_destroy(session);
        oj_archive_destroy(archive);
        assert_int_equal(heap.n_live, 0);
    }
    oj_object_destroy(user);
    oj_object_destroy(g);
}

/* An archive's members come before those of archives that were added before it only in what they hide. */
static void session_archive_members_refer_to_the_first_archive(void **state)
{
    ojt_recipe recipes[2] = {{.n_members = 0}, {.n_members = 0}};
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_archive *archives[2];
    oj_module *modules[2];
    oj_error error;
    (void)state;
    ojt_recipe_returning(&recipes[0], "g", 10);
    ojt_recipe_calling(&recipes[1], "f", "g");
    ojt_recipe_returning(&recipes[1], "g", 20);
    for (int i = 0; i < 2; i++) {
        archives[i] = ojt_recipe_open(&recipes[i]);
        assert_int_equal(oj_session_add_archive(session, archives[i], NULL, &modules[i], &error), OJ_OK);
    }
    assert_int_equal(ojt_session_call(session, "f"), 11);
    assert_int_equal(oj_module_code_count(modules[0]), 1);
    assert_int_equal(oj_module_code_count(modules[1]), 1);
    oj_session_destroy(session);
    for (int i = 0; i < 2; i++)
        oj_archive_destroy(archives[i]);
}

/* A weak reference pulls nothing; a step that fails leaves no member behind. */
static void session_archive_failed_step_pulls_nothing(void **state)
{
    ojt_recipe recipe = {.n_members = 0};
    oj_session *session = ojt_session_with(NULL, NULL);
    oj_object *weak, *h = ojt_object_returning("h.o", "oj_missing", 6);
    oj_session_stats stats;
    oj_archive *archive;
    oj_module *module;
    oj_code *codes[2];
    oj_error error;
    ojt_words w;
    (void)state;
    ojt_words_init(&w);
    ojt_words_refer(&w, "f", STB_WEAK);
    ojt_words_define(&w, "after", 0, STB_GLOBAL, STV_DEFAULT);
    weak = ojt_words_finish(&w, "weak.o");
    ojt_recipe_calling(&recipe, "f", "g");
    ojt_recipe_calling(&recipe, "g", "oj_missing");
    archive = ojt_recipe_open(&recipe);
    assert_int_equal(oj_session_add_archive(session, archive, NULL, &module, &error), OJ_OK);
    ojt_session_add(session, weak);
    assert_int_equal(ojt_word_at(ojt_session_lookup(session, "after") - 8), 0);
    assert_int_equal(ojt_session_try(session, "f"), OJ_E_UNDEFINED);
    assert_int_equal(oj_session_get_stats(session, &stats, sizeof stats), OJ_OK);
    assert_int_equal(stats.n_names, 1);
    assert_int_equal(stats.n_codes, 1);
    ojt_session_add(session, h);
    assert_int_equal(oj_module_link(module, &error), OJ_OK);
    assert_int_equal(ojt_session_call(session, "f"), 8);
    assert_int_equal(oj_module_take_code(module, codes, 2, &error), OJ_OK);
    oj_session_destroy(session);
    oj_code_destroy(codes[1]);
    oj_code_destroy(codes[0]);
    oj_archive_destroy(archive);
    oj_object_destroy(weak);
    oj_object_destroy(h);
}

/* Fails each allocation in turn, then place() and each call after it, on a set of modules that needs all there is: a
 * circle, an archive, an absolute symbol. */
static oj_status build(oj_session *session, oj_object *const *objects, oj_archive *archive, oj_error *error)
{
    uint64_t addr;
    for (int i = 0; i < 3; i++)
        OJI_TRY(oj_session_add_object(session, objects[i], NULL, NULL, error));
    OJI_TRY(oj_session_add_archive(session, archive, NULL, NULL, error));
    OJI_TRY(oj_session_define(session, "absolute", 0x1234, 0, error));
    return oj_session_lookup(session, "first", &addr, error);
}

static void make_set(oj_object **objects, oj_archive **archive)
{
    ojt_recipe recipe = {.n_members = 0};
    ojt_words w;
    ojt_words_init(&w);
    ojt_words_define(&w, "first", 1, STB_GLOBAL, STV_DEFAULT);
    ojt_words_refer(&w, "second", STB_GLOBAL);
    ojt_words_refer(&w, "absolute", STB_GLOBAL);
    objects[0] = ojt_words_finish(&w, "first.o");
    ojt_words_init(&w);
    ojt_words_define(&w, "second", 2, STB_GLOBAL, STV_DEFAULT);
    ojt_words_refer(&w, "first", STB_GLOBAL);
    ojt_words_refer(&w, "call_g", STB_GLOBAL);
    objects[1] = ojt_words_finish(&w, "second.o");
    objects[2] = ojt_object_calling("call_g.o", "call_g", "g");
    ojt_recipe_returning(&recipe, "g", 3);
    *archive = ojt_recipe_open(&recipe);
}

static void session_every_allocation_may_fail(void **state)
{
    oj_object *objects[3];
    oj_archive *archive;
    size_t n_failed = 0;
    bool done = false;
    (void)state;
    make_set(objects, &archive);
    for (size_t step = 1; !done; step++) {
        ojt_client client;
        ojt_heap heap;
        oj_session_options options;
        oj_session *session = NULL;
        oj_error error;
        oj_status status;
        ojt_client_init(&client);
        ojt_heap_init(&heap);
        heap.fail_at = step;
        oj_session_options_init(&options);
        options.memory = &client.table;
        options.allocator = &heap.table;
        status = oj_session_create(&session, &options, &error);
        if (status == OJ_OK)
            status = build(session, objects, archive, &error);
        done = status == OJ_OK;
        assert_int_equal(status, done ? OJ_OK : OJ_E_NOMEM);
        n_failed += !done;
        if (session && !done) {
            uint64_t addr;
            size_t n_names = 0;
            oj_session_stats stats;
            assert_int_equal(client.n_live, 0);
            assert_int_equal(oj_session_get_stats(session, &stats, sizeof stats), OJ_OK);
            n_names = (size_t)stats.n_names;
            /* Where everything had been added the same lookup succeeds. */
            if (stats.n_modules == 4 && n_names == 4)
                assert_int_equal(oj_session_lookup(session, "first", &addr, &error), OJ_OK);
        }
        oj_session_destroy(session);
        assert_int_equal(heap.n_live, 0);
        assert_int_equal(client.n_live, 0);
    }
    assert_true(n_failed > 20);
    for (int i = 0; i < 3; i++)
        oj_object_destroy(objects[i]);
    oj_archive_destroy(archive);
}

/* The second of several placements, too: what was placed and published before is taken back. */
static oj_status fail_late(void *context, oj_placement *placement, oj_error *error)
{
    ojt_client *client = context;
    if (client->n_live == 2)
        return OJ_E_BUDGET;
    return ojt_client_place(client, placement, error);
}

static int n_flushed;
static oj_status flush_twice(void *context, void *write, uint64_t run_addr, uint64_t size, oj_error *error)
{
    (void)context;
    (void)write;
    (void)run_addr;
    (void)size;
    (void)error;
    return ++n_flushed == 2 ? OJ_E_SYSTEM : OJ_OK;
}

static void session_failing_callbacks_undo_the_whole_step(void **state)
{
    oj_object *objects[3];
    oj_archive *archive;
    (void)state;
    make_set(objects, &archive);
    for (int way = 0; way < 2; way++) {
        ojt_client client;
        ojt_heap heap;
        oj_session *session;
        oj_error error;
        ojt_client_init(&client);
        ojt_heap_init(&heap);
        client.table.place = way == 0 ? fail_late : ojt_client_place;
        client.table.flush = way == 1 ? flush_twice : NULL;
        n_flushed = 0;
        session = ojt_session_with(&client.table, &heap.table);
        assert_int_equal(build(session, objects, archive, &error), way == 0 ? OJ_E_BUDGET : OJ_E_SYSTEM);
        assert_int_equal(client.n_live, 0);
        assert_int_equal(oj_session_code_count(session), 0);
        client.table.place = ojt_client_place;
        assert_int_equal(ojt_word_at(ojt_session_lookup(session, "first")), 1);
        assert_int_equal(oj_session_code_count(session), 4);
        oj_session_destroy(session);
        assert_int_equal(heap.n_live, 0);
        assert_int_equal(client.n_live, 0);
    }
    for (int i = 0; i < 3; i++)
        oj_object_destroy(objects[i]);
    oj_archive_destroy(archive);
}

OJT_MAIN(cmocka_unit_test(session_remove_of_what_is_referred_to_refused),
         cmocka_unit_test(session_remove_anyway_and_add_again), cmocka_unit_test(session_remove_of_what_is_not_linked),
         cmocka_unit_test(session_taken_code_outlives_the_session),
         cmocka_unit_test(session_archive_members_are_pulled_when_needed),
         cmocka_unit_test(session_archive_members_refer_to_the_first_archive),
         cmocka_unit_test(session_archive_failed_step_pulls_nothing),
         cmocka_unit_test(session_every_allocation_may_fail),
         cmocka_unit_test(session_failing_callbacks_undo_the_whole_step))
